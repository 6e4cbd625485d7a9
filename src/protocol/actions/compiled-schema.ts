import type { TSchema } from "@sinclair/typebox";
import { type TypeCheck, TypeCompiler } from "@sinclair/typebox/compiler";
import { compileFill, type Fill, type FillOptions } from "./fill.ts";

/** What a schema says, as two functions: fill first, then check. */
export interface CompiledSchema {
  readonly fill: Fill;
  readonly check: TypeCheck<TSchema>;
}

/** Compiled when it is first asked for: compiling all at start would cost what the first call of each does not notice. */
export function compileLazily(schema: TSchema, options: FillOptions): () => CompiledSchema {
  let compiled: CompiledSchema | undefined;
  return () => (compiled ??= { fill: compileFill(schema, options), check: TypeCompiler.Compile(schema) });
}
