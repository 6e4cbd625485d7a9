import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { parseJson } from "../line.ts";

/** What a function has printed, or its connector says of it; one event of `GET /v1/functions/<id>/logs` (ours). */
export const FunctionLogLine = Type.Readonly(
  Type.Object({
    /** ISO 8601. */
    time: Type.String(),
    /** Number of the process, counted from 1 since the connector started; 0: the connector itself. */
    instance: Type.Number(),
    source: Type.Union([Type.Literal("stdout"), Type.Literal("stderr"), Type.Literal("connector")]),
    line: Type.String(),
  }),
);
export type FunctionLogLine = Readonly<Static<typeof FunctionLogLine>>;

/** Undefined for what is no line, such as the number of those that were missed. */
export function readFunctionLogLine(data: string): FunctionLogLine | undefined {
  const value = parseJson(data);
  return Value.Check(FunctionLogLine, value) ? value : undefined;
}
