/** One member of an object in a JSON text; `start` and `end` enclose the value's own text. */
interface JsonMember {
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

/** Where and why a text is no JSON. `position` counts UTF-16 units from 0, `line` and `column` count from 1. */
export interface JsonProblem {
  readonly position: number;
  readonly line: number;
  readonly column: number;
  readonly problem: string;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const SCALAR = /(?:-?[0-9][0-9.eE+-]*|true|false|null)/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /[A-Za-z0-9_.+-]+/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y;

/**
 * The position behind the value that starts at `at` (white space before it is skipped).
 *
 * Finds the extent and proves nothing: parse what you cut out. Long strings are jumped over, nesting costs no stack.
 * Throws `SyntaxError` where no value starts or the text ends inside of it.
 */
export function skipJsonValue(text: string, at: number): number {
  const start = skipSpace(text, at);
  const first = text.charCodeAt(start);
  if (first === QUOTE) return skipString(text, start);
  if (first !== OPEN_OBJECT && first !== OPEN_LIST) return skipScalar(text, start);
  let depth = 0;
  for (let index = start; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) index = skipString(text, index) - 1;
    else if (code === OPEN_OBJECT || code === OPEN_LIST) depth++;
    else if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
      depth--;
      if (depth === 0) return index + 1;
    }
  }
  throw new SyntaxError(`Cannot skip a JSON value at ${start}: the text ends inside of it`);
}

/** Where a text nests deeper than `limit` levels, be it JSON or not. Costs no stack, and a fraction of what parsing does. */
export function findNesting(text: string, limit: number): JsonProblem | undefined {
  // Every level takes two characters.
  if (text.length <= 2 * limit) return undefined;
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) {
      const end = endOfString(text, index);
      if (end === undefined) return undefined;
      index = end - 1;
    } else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      depth++;
      if (depth > limit) return locate(text, index, `nested deeper than ${limit} levels`);
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) depth--;
  }
  return undefined;
}

/**
 * The source text of a nested member: of a duplicate the last, which is the one that `JSON.parse` keeps.
 * `text` has to be valid JSON. Undefined where a step of the path is missing or its parent is no object.
 */
export function rawMember(text: string, path: readonly string[]): string | undefined {
  let start = skipSpace(text, 0);
  let end: number | undefined;
  for (const key of path) {
    if (text.charCodeAt(start) !== OPEN_OBJECT) return undefined;
    const found = objectMembers(text, start).findLast((member) => member.key === key);
    if (!found) return undefined;
    ({ start, end } = found);
  }
  return text.substring(start, end ?? skipJsonValue(text, start));
}

/** All members of the object that starts at `at`, duplicates included. The text has to be valid JSON. */
export function objectMembers(text: string, at: number): JsonMember[] {
  const members: JsonMember[] = [];
  let index = skipSpace(text, at + 1);
  while (text.charCodeAt(index) === QUOTE) {
    const keyEnd = skipString(text, index);
    const key = keyText(text.substring(index, keyEnd));
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = skipJsonValue(text, start);
    members.push({ key, start, end });
    index = skipSpace(text, end);
    if (text.charCodeAt(index) !== COMMA) break;
    index = skipSpace(text, index + 1);
  }
  return members;
}

/** The extents of all elements of the list that starts at `at`. The text has to be valid JSON. */
export function listElements(text: string, at: number): { readonly start: number; readonly end: number }[] {
  const elements: { start: number; end: number }[] = [];
  let index = skipSpace(text, at + 1);
  while (index < text.length && text.charCodeAt(index) !== CLOSE_LIST) {
    const end = skipJsonValue(text, index);
    elements.push({ start: index, end });
    index = skipSpace(text, end);
    if (text.charCodeAt(index) !== COMMA) break;
    index = skipSpace(text, index + 1);
  }
  return elements;
}

function keyText(quoted: string): string {
  if (!quoted.includes("\\")) return quoted.substring(1, quoted.length - 1);
  const key: unknown = JSON.parse(quoted);
  return typeof key === "string" ? key : "";
}

function skipSpace(text: string, at: number): number {
  let index = at;
  for (; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code !== 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) break;
  }
  return index;
}

function skipString(text: string, at: number): number {
  const end = endOfString(text, at);
  if (end === undefined) throw new SyntaxError(`Cannot skip a JSON string at ${at}: it has no end`);
  return end;
}

function endOfString(text: string, at: number): number | undefined {
  for (let quote = text.indexOf('"', at + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let slash = quote - 1;
    while (text.charCodeAt(slash) === BACKSLASH) slash--;
    // An even number of backslashes before it: the quote itself is not escaped.
    if ((quote - slash) % 2 === 1) return quote + 1;
  }
  return undefined;
}

function skipScalar(text: string, at: number): number {
  SCALAR.lastIndex = at;
  if (!SCALAR.test(text)) throw new SyntaxError(`Cannot skip a JSON value at ${at}: none starts there`);
  return SCALAR.lastIndex;
}

/**
 * The first place where a text breaks RFC 8259, undefined for valid JSON. Engines name neither line nor column, so this
 * runs after `JSON.parse` has refused. Nesting costs no stack.
 */
export function findJsonError(text: string): JsonProblem | undefined {
  const closers: number[] = [];
  let index = skipSpace(text, 0);
  let state: "value" | "value or ]" | "key" | "key or }" | "after" = "value";
  for (;;) {
    index = skipSpace(text, index);
    const code = text.charCodeAt(index);
    if (state === "after") {
      const closer = closers.at(-1);
      if (closer === undefined)
        return index === text.length ? undefined : problemAt(text, index, "nothing more");
      if (code === closer) {
        closers.pop();
        index++;
      } else if (code === COMMA) {
        index++;
        state = closer === CLOSE_LIST ? "value" : "key";
      } else return problemAt(text, index, closer === CLOSE_LIST ? '"," or "]"' : '"," or "}"');
      continue;
    }
    if ((code === CLOSE_LIST && state === "value or ]") || (code === CLOSE_OBJECT && state === "key or }")) {
      closers.pop();
      index++;
      state = "after";
      continue;
    }
    if (state === "key" || state === "key or }") {
      if (code !== QUOTE) return problemAt(text, index, "a key in double quotes");
      const end = strictString(text, index);
      if (typeof end !== "number") return end;
      index = skipSpace(text, end);
      if (text.charCodeAt(index) !== COLON) return problemAt(text, index, '":"');
      index++;
      state = "value";
      continue;
    }
    if (code === OPEN_OBJECT || code === OPEN_LIST) {
      closers.push(code === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_LIST);
      index++;
      state = code === OPEN_OBJECT ? "key or }" : "value or ]";
      continue;
    }
    const end = code === QUOTE ? strictString(text, index) : strictScalar(text, index);
    if (typeof end !== "number") return end;
    index = end;
    state = "after";
  }
}

function strictString(text: string, at: number): number | JsonProblem {
  for (let index = at + 1; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) return index + 1;
    if (code < 0x20) {
      const escape = `\\u${code.toString(16).padStart(4, "0")}`;
      return locate(text, index, `a control character has to be written as ${escape} in a string`);
    }
    if (code !== BACKSLASH) continue;
    ESCAPE.lastIndex = index;
    if (!ESCAPE.test(text))
      return locate(text, index, `${JSON.stringify(text.substring(index, index + 2))} is no escape`);
    index = ESCAPE.lastIndex - 1;
  }
  return locate(text, text.length, "the text ends inside a string");
}

function strictScalar(text: string, at: number): number | JsonProblem {
  WORD.lastIndex = at;
  const word = WORD.exec(text)?.[0] ?? "";
  if (word === "true" || word === "false" || word === "null") return at + word.length;
  NUMBER.lastIndex = at;
  if (word !== "" && NUMBER.test(text) && NUMBER.lastIndex === at + word.length) return NUMBER.lastIndex;
  return word === ""
    ? problemAt(text, at, "a value")
    : locate(text, at, `${JSON.stringify(word.substring(0, 40))} is no value`);
}

function problemAt(text: string, index: number, expected: string): JsonProblem {
  const found = text.codePointAt(index);
  const seen = found === undefined ? "the text ends" : `found ${JSON.stringify(String.fromCodePoint(found))}`;
  return locate(text, index, `expected ${expected}, ${seen}`);
}

function locate(text: string, position: number, problem: string): JsonProblem {
  let line = 1;
  let lineStart = 0;
  for (let at = text.indexOf("\n"); at >= 0 && at < position; at = text.indexOf("\n", at + 1)) {
    line++;
    lineStart = at + 1;
  }
  return { position, line, column: position - lineStart + 1, problem };
}
