import {
  type TLiteral,
  type TObject,
  type TProperties,
  type TSchema,
  type TUnion,
  Type,
} from "@sinclair/typebox";
import { isRecord } from "../../lib/is-record.ts";

/*
 * The kinds of fields that requests and items are made of. What an absent or null one becomes is its `default`, which is
 * the reference's zero value (contract/plugin-wire 4.1). A `Required…` one has a zero value that its own check refuses.
 */

/** An object that keeps what it does not name. */
export function OpenObject<T extends TProperties>(properties: T, annotations: Annotations = {}): TObject<T> {
  return Type.Object(properties, { additionalProperties: true, ...annotations });
}

/** What `compileFill` reads, and what TypeBox checks. */
export interface Annotations {
  readonly default?: unknown;
  readonly minProperties?: number;
  readonly omit?: "null" | "empty";
  readonly refine?: (value: unknown) => unknown;
}

export const Text = Type.String({ default: "" });
export const RequiredText = Type.String({ default: "", minLength: 1 });
export const TextOrNull = Type.Union([Type.String(), Type.Null()], { default: null });
export const Flag = Type.Boolean({ default: false });
export const Count = Type.Integer({ default: 0 });
export const Real = Type.Number({ default: 0 });
/** Zero counts as absent. */
export const RequiredCount = Type.Integer({ default: 0, minimum: 1 });
export const RequiredMap = OpenObject({}, { default: null });
export const MapOrNull = Type.Union([OpenObject({}), Type.Null()], { default: null });
/** As `MapOrNull`, and anything else counts as left out, too (contract/http-api 1.5). */
export const MapElseNull = Type.Union([OpenObject({}), Type.Null()], {
  default: null,
  // A number that is kept as its text is an object, too.
  refine: (value: unknown) => (isRecord(value) && !JSON.isRawJSON(value) ? value : null),
});
/** Left out where it is empty: an empty text fails the SDK's enum (contract/plugin-wire C 9). */
export const CredentialType = Type.Optional(Type.String({ omit: "empty" }));

export function ListOrNull<T extends TSchema>(
  item: T,
): TUnion<[ReturnType<typeof Type.Array<T>>, ReturnType<typeof Type.Null>]> {
  return Type.Union([Type.Array(item), Type.Null()], { default: null });
}

/** Null is refused, empty is not. */
export function RequiredList<T extends TSchema>(item: T): ReturnType<typeof Type.Array<T>> {
  return Type.Array(item, { default: null });
}

/** Exactly one text. */
export function Exactly<T extends string>(value: T): TLiteral<T> {
  return Type.Literal(value, { default: "" });
}

/** One of some texts. */
export function OneOf<T extends string>(values: readonly T[]): TUnion<TLiteral<T>[]> {
  return Type.Union(
    values.map((value) => Type.Literal(value)),
    { default: "" },
  );
}
