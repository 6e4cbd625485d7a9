import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { CallBackRow } from "./store.ts";

/** As compact as JSON gets: thousands of sessions are kept. */
const Stored = Type.Array(
  Type.Tuple([
    Type.String(),
    Type.Number(),
    Type.Union([Type.Number(), Type.Null()]),
    Type.Union([Type.Number(), Type.Null()]),
    Type.Number(),
    Type.Number(),
    Type.Union([
      Type.Literal("success"),
      Type.Literal("refused"),
      Type.Literal("error"),
      Type.Literal("cancelled"),
      Type.Null(),
    ]),
  ]),
);

/** Null for no calls back. */
export function encodeCallBacks(rows: readonly CallBackRow[]): string | null {
  if (rows.length === 0) return null;
  const stored: Static<typeof Stored> = rows.map((row) => [
    row.type,
    row.beganMs,
    row.firstByteMs,
    row.endMs,
    row.requestBytes,
    row.responseBytes,
    row.outcome,
  ]);
  return JSON.stringify(stored);
}

export function decodeCallBacks(text: string | null): readonly CallBackRow[] {
  if (text === null) return [];
  const stored: unknown = JSON.parse(text);
  if (!Value.Check(Stored, stored))
    throw new Error("Cannot read the calls back of a session: not as written");
  return stored.map(([type, beganMs, firstByteMs, endMs, requestBytes, responseBytes, outcome]) => ({
    type,
    beganMs,
    firstByteMs,
    endMs,
    requestBytes,
    responseBytes,
    outcome,
  }));
}
