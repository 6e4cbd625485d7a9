import { digitsOf } from "./exact-numbers.ts";
import { FREE_WORDS } from "./normalise.ts";
import type { Step } from "./scenarios/scenario.ts";

export type ComparisonRules = Pick<Step, "ignored" | "freeText" | "unordered">;

export interface Difference {
  /** Such as `json.data.list.0.id`; steps into texts that were unfolded leave no trace. Empty for the whole. */
  readonly path: string;
  readonly problem: string;
}

interface Place {
  readonly path: string;
  readonly rules: ComparisonRules;
}

/**
 * Where `have` lacks something of `want`, both normalised. All that was recorded has to be there and equal; more keys
 * are fine, more elements are not. An integer beyond 2^53 may be more exact than a recorded one that is rounded.
 */
export function differences(want: unknown, have: unknown, rules: ComparisonRules = {}): Difference[] {
  return compare(want, have, { path: "", rules });
}

/** Whether a pattern names this path or something that it is part of; `*` stands for any key or index. */
export function covers(pattern: string, path: string): boolean {
  const steps = path.split(".");
  const wanted = pattern.split(".");
  return (
    wanted.length <= steps.length && wanted.every((step, index) => step === "*" || step === steps[index])
  );
}

function compare(want: unknown, have: unknown, place: Place): Difference[] {
  const { path, rules } = place;
  if (rules.ignored?.some((pattern) => covers(pattern, path))) return [];
  if (typeof want === "string" && want.endsWith(FREE_WORDS))
    return check(typeof have === "string" && have.startsWith(want.slice(0, -FREE_WORDS.length)));
  if (rules.freeText && typeof want === "string" && /(^|\.)message$/.test(path))
    return check(typeof have === "string" || isUnfolded(have));
  if (digitsOf(want) !== undefined || digitsOf(have) !== undefined) return check(sameNumber(want, have));
  if (Array.isArray(want)) return compareArrays(want, have, place);
  if (!isObject(want)) return check(want === have);
  if (!isObject(have) || Array.isArray(have)) return check(false);
  const members = new Map(Object.entries(have));
  return Object.entries(want).flatMap(([key, value]) => {
    const at = key === "$text" ? path : join(path, key);
    return members.has(key)
      ? compare(value, members.get(key), { path: at, rules })
      : [{ path: at, problem: `missing, want ${quote(value)}` }];
  });

  function check(equal: boolean): Difference[] {
    return equal ? [] : [{ path, problem: `want ${quote(want)}, have ${quote(have)}` }];
  }
}

function compareArrays(want: readonly unknown[], have: unknown, { path, rules }: Place): Difference[] {
  if (!Array.isArray(have)) return [{ path, problem: `want ${want.length} elements, have ${quote(have)}` }];
  if (have.length !== want.length)
    return [{ path, problem: `want ${want.length} elements, have ${have.length}` }];
  const unordered = rules.unordered?.includes(path) ?? false;
  const wanted = unordered ? want.toSorted(byName) : want;
  const given: readonly unknown[] = unordered ? have.toSorted(byName) : have;
  return wanted.flatMap((element, index) =>
    compare(element, given[index], { path: join(path, String(index)), rules }),
  );
}

/** The reference rounds most big integers to a double, and then writes the shortest digits that mean the same double. */
function sameNumber(want: unknown, have: unknown): boolean {
  const wanted = digitsOf(want) ?? (typeof want === "number" ? String(want) : undefined);
  const given = digitsOf(have) ?? (typeof have === "number" ? String(have) : undefined);
  if (wanted === undefined || given === undefined) return false;
  const wasRounded = String(Number(wanted)) === wanted;
  return wanted === given || (wasRounded && Number(wanted) === Number(given));
}

function byName(a: unknown, b: unknown): number {
  const [left, right] = [orderOf(a), orderOf(b)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** Ids and times at the front of an object must not decide. */
function orderOf(value: unknown): string {
  const names: { plugin_id?: unknown; provider?: unknown; name?: unknown } = isObject(value) ? value : {};
  const name = names.plugin_id ?? names.provider ?? names.name;
  return (typeof name === "string" ? name : "") + JSON.stringify(value);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isUnfolded(value: unknown): boolean {
  return isObject(value) && "$text" in value;
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 160 ? `${text.slice(0, 157)}…` : text;
}
