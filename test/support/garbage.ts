import * as fc from "fast-check";

/** No decoder and no request may hold up the others for longer than this: milliseconds of the processor, not of the clock. */
export const MAX_CASE_MS = 2000;

/** How many cases a part of the garbage tests gets: a few in the gate, and of `PLUGD_GARBAGE_CASES` its share. */
export function garbageRuns({ gate, share }: { readonly gate: number; readonly share: number }): number {
  const total = Number(process.env["PLUGD_GARBAGE_CASES"] ?? 0);
  return total > 0 ? Math.ceil(total * share) : gate;
}

/** Pieces that mean something to one parser or another. */
const TOKENS = [
  "", " ", "\t", "\n", "\r\n", "\0", "\ufeff", "\u2028", "\ud800", "é", "🦊", '"', "'", "`", "\\", "\\u0000", "\\ud800",
  "{", "}", "[", "]", "(", ")", "<", ">", ",", ":", ";", "=", "==", "/", "//", "../", "..\\", "%2e%2e%2f", "%00", "%zz", "?", "&",
  "#", "*", "**", "&a", "*a", "!!", "!!int ", "!!binary ", "<<: ", "- ", "---\n", "...\n", "| ", ">-\n", "@", "~", "^", "$", "|",
  "-", "--", "--cut", "\r\n--cut\r\n", "\r\n--cut--", "null", "true", "NaN", "Infinity", "1e400", "-0", "0x1f", "1.0", "0.0.1",
  "9007199254740993", "-1", "__proto__", "constructor", "toString", "and ", "or ", "not in ", "python_version", " --hash=", "-r ", "-e ",
  "git+https://", "data:", "event", "session_id", "PK\u0003\u0004", "PK\u0001\u0002", "PK\u0005\u0006",
] as const; // prettier-ignore

const token = fc.constantFrom(...TOKENS);

/** Of every kind of character so many that a pattern which looks at them anew from each takes longer than it may. */
export const LONG_RUNS: readonly string[] = [
  ...Array.from("a0 \t\n\"'\\;,=:-.*[{(<%#\0é"),
  "a ",
  "a=",
  "a,",
  ';a="',
  '\\"',
  "(a",
  "[a]",
  "a\n",
  " \n",
].map((piece) => piece.repeat(Math.ceil(25_000 / piece.length)));

/** Any text, with more of what parsers care about than chance would give. */
export const garbageText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.array(token, { maxLength: 30 }).map((parts) => parts.join("")),
  // One piece very often: what takes time by the square of it shows here.
  fc
    .tuple(token, token, fc.integer({ min: 1, max: 20_000 }))
    .map(([one, other, times]) => one + other.repeat(times)),
);

/** A text with up to four mistakes in it. */
export function mutatedText(valid: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const place = fc.double({ min: 0, max: 1, noNaN: true });
  const mistake = fc.tuple(fc.integer({ min: 0, max: 6 }), place, place, fc.oneof(token, garbageText));
  return fc.tuple(valid, fc.array(mistake, { minLength: 1, maxLength: 4 })).map(([text, mistakes]) =>
    mistakes.reduce((given, [kind, first, second, piece]) => {
      const at = Math.floor(first * given.length);
      const to = Math.min(given.length, at + Math.ceil(second * 20));
      switch (kind) {
        case 0: // cut
          return given.slice(0, at);
        case 1: // left out
          return given.slice(0, at) + given.slice(to);
        case 2: // there twice
          return given.slice(0, to) + given.slice(at);
        case 3: // replaced
          return given.slice(0, at) + piece + given.slice(to);
        case 4: // another line's end
          return given.replace("\n", piece);
        case 5: // one character for another
          return given.slice(0, at) + (piece[0] ?? "x") + given.slice(at + 1);
        default: // put in
          return given.slice(0, at) + piece + given.slice(at);
      }
    }, text),
  );
}

/** Bytes with up to eight mistakes in them. */
export function mutatedBytes(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const place = fc.double({ min: 0, max: 1, noNaN: true });
  const byte = fc.oneof(fc.constantFrom(0, 1, 8, 0x7f, 0x80, 0xff), fc.integer({ min: 0, max: 255 }));
  const mistake = fc.tuple(fc.integer({ min: 0, max: 9 }), place, place, byte);
  return fc.tuple(valid, fc.array(mistake, { minLength: 1, maxLength: 8 })).map(([bytes, mistakes]) =>
    mistakes.reduce<Uint8Array<ArrayBuffer>>((given, [kind, first, second, value]) => {
      const at = Math.floor(first * given.length);
      // Directories of archives stand at the end: half of the mistakes are made there.
      const near = kind % 2 === 0 ? at : Math.max(0, given.length - 1 - Math.floor(first * 200));
      const to = Math.min(given.length, at + Math.ceil(second * 40));
      if (kind === 0) return given.slice(0, at);
      if (kind === 1) return joined(given.subarray(0, at), given.subarray(to));
      if (kind === 2) return joined(given.subarray(0, to), given.subarray(at));
      const copy = given.slice();
      copy[near] = value;
      return copy;
    }, new Uint8Array(bytes)),
  );
}

/** A JSON value with up to three of its nodes replaced, removed, renamed or put into something. */
export function mutatedJson(valid: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const choice = fc.nat({ max: 10_000 });
  const mistake = fc.tuple(choice, fc.integer({ min: 0, max: 5 }), garbageJson);
  return fc
    .tuple(valid, fc.array(mistake, { minLength: 1, maxLength: 3 }))
    .map(([value, mistakes]) =>
      mistakes.reduce((given, [at, kind, garbage]) => mutateNode(given, { at, kind, garbage }), value),
    );
}

/** Any JSON value, small for the most part, with keys that mean something here or there. */
export const garbageJson: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, -0, 1, -1, 1.5, 1e308, 2 ** 53, "", [], {}, [[]], [null], {
    a: null,
  }),
  fc.jsonValue({ maxDepth: 3 }),
  garbageText,
  fc.dictionary(
    fc.oneof(token, fc.constantFrom("type", "data", "message", "id", "name")),
    fc.jsonValue({ maxDepth: 1 }),
    {
      maxKeys: 5,
    },
  ),
  fc.integer({ min: 1, max: 1500 }).map((levels) => nested(levels)),
);

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

interface Mutation {
  /** Which of the nodes, in their order, modulo how many there are. */
  readonly at: number;
  readonly kind: number;
  readonly garbage: unknown;
}

function mutateNode(root: unknown, { at, kind, garbage }: Mutation): unknown {
  // A value that nests too deep for this is bad enough as it is.
  let copy: unknown;
  try {
    copy = JSON.parse(JSON.stringify(root ?? null));
  } catch {
    return root;
  }
  const slots: { readonly parent: object; readonly key: string }[] = [];
  const visit = (value: unknown, depth: number): void => {
    if (typeof value !== "object" || value === null || depth > 50) return;
    for (const [key, inner] of Object.entries(value)) {
      slots.push({ parent: value, key });
      visit(inner, depth + 1);
    }
  };
  visit(copy, 0);
  const slot = slots[at % Math.max(1, slots.length)];
  if (!slot) return garbage;
  const before: unknown = Reflect.get(slot.parent, slot.key);
  if (kind === 0) Reflect.deleteProperty(slot.parent, slot.key);
  else if (kind === 1) Reflect.set(slot.parent, slot.key, null);
  else if (kind === 2) Reflect.set(slot.parent, slot.key, [before]);
  else if (kind === 3) Reflect.set(slot.parent, slot.key.toUpperCase(), garbage);
  else Reflect.set(slot.parent, slot.key, garbage);
  return copy;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}

/** Runs one case. Fails when it took too long, or threw what its caller does not expect. */
export async function survives(
  work: () => unknown,
  isExpected: (error: unknown) => boolean = () => false,
): Promise<void> {
  const began = process.cpuUsage();
  try {
    await work();
  } catch (error) {
    if (!isExpected(error)) throw error;
  }
  const tookMs = process.cpuUsage(began).user / 1000;
  if (tookMs > MAX_CASE_MS) throw new Error(`It took ${Math.round(tookMs)} ms`);
}

/** Memory of this process in megabytes, after everything that can be freed was. */
export function heldMegabytes(): number {
  Bun.gc(true);
  return process.memoryUsage.rss() / 1e6;
}

/** Of one property, in milliseconds. Searching for a smaller case of what takes long takes for ever. */
const MAX_PROPERTY_MS = 300_000;

/** Checks that work survives `numRuns` inputs, as \`survives()\` has it for one. */
export function checkAll(numRuns: number) {
  return <T>(
    input: fc.Arbitrary<T>,
    work: (value: T) => unknown,
    isExpected?: (error: unknown) => boolean,
  ): Promise<void> =>
    fc.assert(
      fc.asyncProperty(input, (value) => survives(() => work(value), isExpected)),
      { numRuns, interruptAfterTimeLimit: MAX_PROPERTY_MS, markInterruptAsFailure: true },
    );
}
