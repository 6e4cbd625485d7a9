import { type Static, type TSchema, type TUnsafe, Type } from "@sinclair/typebox";
import { readBoolean, readDurationMs, readInteger, readList, readNumber } from "./notation.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export type Unit = "seconds" | "milliseconds" | "minutes" | "bytes" | "entries";

/** A default that other variables decide about. */
export interface ComputedDefault<T> {
  /** For the documents. */
  readonly shown: string;
  readonly from: (env: Environment) => T;
}

/** One variable that has an effect. Its parsed value is `Static<S>`. */
export interface Setting<S extends TSchema = TSchema> {
  readonly kind: "setting";
  readonly schema: S;
  /** From the variable's text to a value that `schema` then checks; undefined when it is no such notation. */
  readonly read: (text: string) => unknown;
  /** Completes the sentence "must be …". */
  readonly allowed: string;
  /** One line for operators. */
  readonly meaning: string;
  readonly unit: Unit | undefined;
  /** The value never appears in a message. */
  readonly secret: boolean;
  /** Names that are looked at when the variable itself is unset. */
  readonly aliases: readonly string[];
  /** An explicit 0 means the default (the ° of lifecycle.md 10.1). */
  readonly zeroIsDefault: boolean;
  /** Numbers outside are moved to the nearer bound, with a warning. */
  readonly clamp: { readonly min: number; readonly max: number };
  readonly fallback: (env: Environment) => unknown;
  readonly shownDefault: string;
  /** `shownDefault` is a value and no description. */
  readonly literal: boolean;
}

/** A variable of the reference that is accepted and does nothing here. Its text is never looked at. */
export interface IgnoredSetting {
  readonly kind: "ignored";
  readonly meaning: string;
  readonly secret: boolean;
}

export type AnySetting = Setting | IgnoredSetting;

interface Described {
  readonly meaning: string;
  readonly secret?: boolean;
  readonly aliases?: readonly string[];
}

interface Defaulted<T> extends Described {
  readonly default: T | ComputedDefault<T>;
}

export function ignored(meaning: string, options: { readonly secret?: boolean } = {}): IgnoredSetting {
  return { kind: "ignored", meaning, secret: options.secret ?? false };
}

export function text(options: Defaulted<string>) {
  return setting(Type.String({ minLength: 1 }), { ...options, read: (given) => given, allowed: "a text" });
}

/** A text without default, so `undefined` in the configuration when unset; `shownDefault` says what happens then. */
export function optionalText(options: Described & { readonly shownDefault?: string }) {
  return unset(Type.Optional(Type.String({ minLength: 1 })), {
    ...options,
    read: (given) => given,
    allowed: "a text",
  });
}

/** A text in one notation: `read` gives undefined for everything else, and `allowed` completes "must be …". */
export function formatted(
  options: Defaulted<string> & {
    readonly read: (text: string) => string | undefined;
    readonly allowed: string;
  },
) {
  return setting(Type.String({ minLength: 1 }), options);
}

export function optionalFormatted(
  options: Described & {
    readonly read: (text: string) => string | undefined;
    readonly allowed: string;
    readonly shownDefault?: string;
  },
) {
  return unset(Type.Optional(Type.String({ minLength: 1 })), options);
}

export function flag(options: Defaulted<boolean>) {
  return setting(Type.Boolean(), { ...options, read: readBoolean, allowed: "true or false (or 1, 0, t, f)" });
}

interface IntegerOptions extends Defaulted<number> {
  readonly min?: number;
  readonly max?: number;
  readonly unit?: Unit;
  readonly zeroIsDefault?: boolean;
  readonly clampMin?: number;
}

export function integer(options: IntegerOptions) {
  const { schema, allowed } = integerShape(options.min ?? 0, options.max);
  return setting(schema, { ...options, read: readInteger, allowed });
}

export function port(options: Defaulted<number>) {
  return integer({ ...options, max: 65_535, zeroIsDefault: true });
}

export function optionalPort(options: Described & { readonly shownDefault?: string }) {
  const { schema, allowed } = integerShape(0, 65_535);
  return unset(Type.Optional(schema), { ...options, read: readInteger, allowed, zeroIsDefault: true });
}

/** Seconds as a whole number, or as a Go duration such as `1m30s` or `500ms`. */
export function seconds(options: Defaulted<number> & { readonly min?: number; readonly timer?: boolean }) {
  const min = options.min ?? 0;
  return setting(Type.Number({ minimum: min }), {
    ...options,
    unit: "seconds",
    read: (given) => {
      const whole = readInteger(given);
      if (whole !== undefined) return whole;
      const ms = readDurationMs(given);
      return ms === undefined ? undefined : ms / 1000;
    },
    allowed: `a whole number of seconds or a duration such as 1m30s, ${min} or more`,
  });
}

/** A part of something, from 0 to 1; what is out of range means all of it, as in the reference. */
export function fraction(options: Defaulted<number>) {
  return setting(Type.Number({ minimum: 0, maximum: 1 }), {
    ...options,
    read: (given) => {
      const value = readNumber(given);
      return value === undefined || (value >= 0 && value <= 1) ? value : 1;
    },
    allowed: "a number from 0 to 1",
  });
}

/** One of a few spellings, each standing for a value. */
export function choice<const V extends string>(
  options: Defaulted<V> & {
    readonly spellings: Readonly<Record<string, V>>;
    readonly anyCase?: boolean;
    /** What every other spelling stands for; without it, there is no other. */
    readonly otherwise?: V;
    readonly allowed: string;
  },
) {
  const spellings = new Map(Object.entries(options.spellings));
  const schema = Type.Unsafe<V>(
    Type.Union([...new Set(spellings.values())].map((value) => Type.Literal(value))),
  );
  const read = (given: string) =>
    spellings.get(options.anyCase === true ? given.toUpperCase() : given) ?? options.otherwise;
  return setting(schema, { ...options, read });
}

export function list(
  options: Defaulted<readonly string[]> & { readonly pattern?: string; readonly allowed?: string },
) {
  const items =
    options.pattern === undefined ? Type.String({ minLength: 1 }) : Type.String({ pattern: options.pattern });
  const schema: TUnsafe<readonly string[]> = Type.Unsafe(Type.Array(items));
  return setting(schema, { ...options, read: readList, allowed: options.allowed ?? "a list with commas" });
}

type Details = Described & {
  readonly read: (text: string) => unknown;
  readonly allowed: string;
  readonly unit?: Unit;
  readonly zeroIsDefault?: boolean;
  readonly clampMin?: number;
  /** False when no timer is ever set to this value, so that it may be as long as one likes. */
  readonly timer?: boolean;
};

function setting<S extends TSchema>(schema: S, options: Details & Defaulted<Static<S>>): Setting<S> {
  const given = options.default;
  const computed = isComputed(given) ? given : undefined;
  const fixed = computed === undefined ? given : undefined;
  return {
    ...common(options),
    schema,
    fallback: (env) => (computed === undefined ? fixed : computed.from(env)),
    shownDefault: computed?.shown ?? showDefault(fixed),
    literal: computed === undefined,
  };
}

/** As it would be written into the variable. */
function showDefault(value: unknown): string {
  if (Array.isArray(value)) return value.join(",");
  return typeof value === "string" ? value : JSON.stringify(value);
}

function unset<S extends TSchema>(
  schema: S,
  options: Details & { readonly shownDefault?: string },
): Setting<S> {
  return {
    ...common(options),
    schema,
    fallback: () => undefined,
    shownDefault: options.shownDefault ?? "",
    literal: false,
  };
}

function common(options: Details) {
  return {
    kind: "setting",
    read: options.read,
    allowed: options.allowed,
    meaning: options.meaning,
    unit: options.unit,
    secret: options.secret ?? false,
    aliases: options.aliases ?? [],
    zeroIsDefault: options.zeroIsDefault ?? false,
    clamp: {
      min: options.clampMin ?? -Infinity,
      max: options.timer === false ? Infinity : longestTimer(options.unit),
    },
  } as const;
}

/** A timer beyond 2^31 − 1 ms fires at once, which is the opposite of what an operator asks for with it. */
function longestTimer(unit: Unit | undefined): number {
  if (unit === "milliseconds") return 2_147_483_647;
  if (unit === "seconds") return 2_147_483;
  return unit === "minutes" ? 35_791 : Infinity;
}

function integerShape(min: number, max: number | undefined) {
  return max === undefined
    ? { schema: Type.Integer({ minimum: min }), allowed: `an integer, ${min} or more` }
    : { schema: Type.Integer({ minimum: min, maximum: max }), allowed: `an integer from ${min} to ${max}` };
}

function isComputed<T>(given: T | ComputedDefault<T>): given is ComputedDefault<T> {
  return typeof given === "object" && given !== null && "from" in given && "shown" in given;
}
