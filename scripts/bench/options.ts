import { parseArgs } from "node:util";

/** The measurements by letter, in the order of the table. */
export const PARTS = [
  "a",
  "b",
  "c",
  "d",
  "e",
  "f",
  "g",
  "h",
  "i",
  "j",
  "k",
  "l",
  "m",
  "n",
  "o",
  "p",
] as const;
export type Part = (typeof PARTS)[number];

export interface BenchOptions {
  readonly only: readonly Part[];
  readonly quick: boolean;
  /** Build the program even if there is one. */
  readonly build: boolean;
  /** Exit with 1 when a goal is missed or a measurement is skipped. */
  readonly strict: boolean;
  readonly jsonPath: string;
  readonly help: boolean;
}

export const USAGE = `bun run bench [--quick] [--only a,b] [--build] [--strict] [--json FILE]

Measures dist/plugd (built when it is missing, or with --build) against the least code that can move the same bytes,
interleaved within one run, prints a table and writes JSON (default: dist/bench.json). Needs Linux, a Python of 3.12 or
newer, and for g and h a package index.

  a  requests per second with one small item      e  idle memory, time to ready
  b  items per second, 10,000 a call              f  CPU of the daemon per item of LLM-like streams
  c  bytes per second, items of 64 KiB            g  first call of a stopped plugin, plain start of its process
  d  delay of 100 slow streams at once            h  restart of the daemon while 10 plugins are called
  i  lists of 100 installed model plugins         l  what plugins store and read, values of 1 KiB
  j  memory of an upload of 50 MB                 m  webhooks, beside calls of a tool
  k  calls of a plugin back to the platform       n  a debugging connection, beside a process on stdio
  o  the plain dialect, beside the SDK's          p  a plugin that 1,000 watch live, beside nobody watching`;

/** Throws for what it does not know, with a message for the terminal. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      quick: { type: "boolean", default: false },
      build: { type: "boolean", default: false },
      strict: { type: "boolean", default: false },
      json: { type: "string", default: "dist/bench.json" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { quick, build, strict, help, json: jsonPath } = values;
  return { only: chooseParts(values.only), quick, build, strict, help, jsonPath };
}

function chooseParts(names: string | undefined): readonly Part[] {
  if (names === undefined) return PARTS;
  const asked = names.split(",").map((name) => name.trim().toLowerCase());
  const unknown = asked.filter((name) => !PARTS.some((part) => part === name));
  if (unknown.length > 0)
    throw new Error(`Cannot measure "${unknown.join(", ")}": the measurements are ${PARTS.join(", ")}`);
  return PARTS.filter((part) => asked.includes(part));
}
