import { isRecord } from "./is-record.ts";
import { findJsonError, findNesting, type JsonProblem, listElements, objectMembers } from "./json-scan.ts";

/** Deeper than what plugins can read (Python's reader ends near 1000) and far above what the engine's own stack takes. */
const MAX_DEPTH = 1000;

declare global {
  interface JSON {
    /** ES2027: a primitive that `stringify` writes as the given source. */
    rawJSON(text: string): unknown;
    isRawJSON(value: unknown): boolean;
  }
}

/** The text is no JSON that we take. `problem` tells where, unless the engine refused what the grammar allows. */
export class JsonSyntaxError extends Error {
  readonly problem: JsonProblem | undefined;
  constructor(problem: JsonProblem | undefined) {
    super(
      problem
        ? `Cannot parse JSON at line ${problem.line}, column ${problem.column}: ${problem.problem}`
        : "Cannot parse JSON",
    );
    this.name = "JsonSyntaxError";
    this.problem = problem;
  }
}

/** A JSON text, parsed twice over where that makes a difference. */
export interface ExactJson {
  /** As `JSON.parse` gives it: for checks. */
  readonly value: unknown;
  /**
   * The same tree for `JSON.stringify`: every number that a double would change (beyond 2^53, `1.0`, `-0`, `1e400`)
   * is a `JSON.rawJSON` of its source. The very same object as `value` where the text holds no such number.
   */
  readonly exact: unknown;
}

/** Every fragile number has one of these, and most texts have none. */
const FRAGILE_HINT = /[0-9](?:[.eE]|[0-9]{15})|-0/;
/** What may be a number: stands behind a delimiter, also where that is inside of a string. */
const NUMBER_LIKE = /(?:^|[\s:,[])(-?[0-9][0-9.eE+-]*)/g;

/** Parses without losing a digit. Throws `JsonSyntaxError`, also where the text nests deeper than 1000 levels. */
export function parseExact(text: string): ExactJson {
  const value = parse(text);
  return { value, exact: hasFragileNumber(text) ? parseKeepingSources(text) : value };
}

/**
 * Whether the text may hold a number that a JSON round trip would rewrite. May say yes for digits in a string,
 * never no for such a number.
 */
export function hasFragileNumber(text: string): boolean {
  if (!FRAGILE_HINT.test(text)) return false;
  NUMBER_LIKE.lastIndex = 0;
  for (let match = NUMBER_LIKE.exec(text); match; match = NUMBER_LIKE.exec(text))
    if (!survives(match[1] ?? "")) return true;
  return false;
}

/**
 * Writes `after` as JSON, taking from `text` whatever it shares with `before`, the value of `text`: unchanged parts keep
 * their own characters, so no digit is lost and large unchanged parts are copied, not encoded.
 * Parts count as unchanged when they are identical (`===`); build `after` from `before` without copying them.
 */
export function rewriteJson(text: string, before: unknown, after: unknown): string {
  return rewrite(text, 0, text.length, { before, after });
}

interface Change {
  readonly before: unknown;
  readonly after: unknown;
}

function rewrite(text: string, start: number, end: number, { before, after }: Change): string {
  if (before === after) return text.substring(start, end);
  if (isRecord(before) && isRecord(after)) return rewriteObject(text, start, before, after);
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    const parts = listElements(text, text.indexOf("[", start)).map((span, index) =>
      rewrite(text, span.start, span.end, { before: before[index], after: after[index] }),
    );
    return `[${parts.join(",")}]`;
  }
  return JSON.stringify(after);
}

type JsonRecord = Readonly<Record<string, unknown>>;

function rewriteObject(text: string, start: number, before: JsonRecord, after: JsonRecord): string {
  const members = objectMembers(text, text.indexOf("{", start));
  let parts = "";
  let kept = 0;
  for (let index = 0; index < members.length; index++) {
    const member = members[index];
    if (!member || !Object.hasOwn(after, member.key)) continue;
    // Of duplicates the last one counts, as it did for `before`.
    if (members.length > Object.keys(before).length && isRepeated(members, index)) continue;
    const change = { before: before[member.key], after: after[member.key] };
    parts += `${parts && ","}${JSON.stringify(member.key)}:${rewrite(text, member.start, member.end, change)}`;
    kept++;
  }
  if (kept === Object.keys(after).length) return `{${parts}}`;
  for (const key of Object.keys(after))
    if (!Object.hasOwn(before, key))
      parts += `${parts && ","}${JSON.stringify(key)}:${JSON.stringify(after[key])}`;
  return `{${parts}}`;
}

function isRepeated(members: readonly { readonly key: string }[], index: number): boolean {
  return members.slice(index + 1).some((later) => later.key === members[index]?.key);
}

function parse(text: string): unknown {
  // Before the engine sees it, which would hold up everybody for seconds over a few megabytes of brackets.
  const tooDeep = findNesting(text, MAX_DEPTH);
  if (tooDeep) throw new JsonSyntaxError(tooDeep);
  try {
    return JSON.parse(text);
  } catch {
    throw new JsonSyntaxError(findJsonError(text));
  }
}

function parseKeepingSources(text: string): unknown {
  return JSON.parse(text, (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    const source = typeof value === "number" ? context?.source : undefined;
    return source === undefined || survives(source) ? value : JSON.rawJSON(source);
  });
}

/** `String` writes a finite number as `JSON.stringify` does. */
function survives(source: string): boolean {
  return String(Number(source)) === source;
}
