import { parseKeepingIntegers } from "./exact-numbers.ts";

/** What is known about a run: texts that mean the same in another run, though they read differently. */
export interface RunFacts {
  /** Name → text of `{{tenant}}` and of what earlier steps captured. */
  readonly captured: ReadonlyMap<string, string>;
  /** Host and port of the daemon. */
  readonly host: string;
  /** Host and port of the platform behind it. */
  readonly platformHost: string;
  /** Milliseconds; times within two days of it are `<now>`. */
  readonly now: number;
}

/** Stands for the rest of a text that is the reference's own: the words of its validator or decoder. */
export const FREE_WORDS = "<words of the validator>";

const LONG_TEXT_CHARS = 2500;
/** JSON inside of longer texts stays a text. */
const UNFOLDED_CHARS = 200_000;
const NOW_MS = 2 * 24 * 60 * 60 * 1000;
/** Shorter ones would also be found where they mean something else. */
const SHORTEST_CAPTURE = 8;
/** Identifiers of plugins and names of assets hold checksums: they have to be equal, not only in the same places. */
const CHECKSUMMED = /@[0-9a-f]{32,}$|^[0-9a-f]{64}\./;

/** Takes out of an answer what differs from run to run, and unfolds JSON inside of texts to `{"$text": …}`. */
export function normalise(value: unknown, facts: RunFacts, key = ""): unknown {
  if (typeof value === "string") {
    if (key === "traceback") return "<traceback>";
    if (key === "hook_id" && /^[a-z0-9]{16}$/.test(value)) return "<hook>";
    const inner = value.length < UNFOLDED_CHARS ? parseTree(value) : undefined;
    return inner === undefined ? normaliseText(value, facts) : { $text: normalise(inner, facts) };
  }
  if (Array.isArray(value)) return value.map((element) => normalise(element, facts));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      normaliseText(name, facts),
      normalise(member, facts, name),
    ]),
  );
}

/** The same for one text. Very long ones become their length and checksum. */
export function normaliseText(text: string, facts: RunFacts): string {
  const short = withNames(text, facts.captured)
    .replace(/("traceback": ?")(?:[^"\\]|\\.)*"/g, '$1<traceback>"')
    .replaceAll(facts.host, "{{host}}")
    .replaceAll(facts.platformHost, "{{dify}}")
    .replace(/\b00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\b/g, "<traceparent>")
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "<uuid>")
    // A made-up checksum of the scenarios is not taken for an id.
    .replace(/(?<![0-9a-f])(?!0123456789abcdef)[0-9a-f]{32}(?![0-9a-f])/g, "<hex32>")
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)/g, (time) =>
      Math.abs(Date.parse(time) - facts.now) < NOW_MS ? "<now>" : time,
    )
    .replace(/https:\/\/errors\.pydantic\.dev\/\S+/g, "<link>")
    .replace(/(Key: '|error decoding map:|error validating struct:)[\s\S]*$/, FREE_WORDS);
  if (short.length <= LONG_TEXT_CHARS) return short;
  const sha256 = new Bun.CryptoHasher("sha256").update(short).digest("hex");
  return `<${short.length} characters, sha256 ${sha256}>`;
}

/** Longest first: one captured text may hold another. */
function withNames(text: string, captured: RunFacts["captured"]): string {
  return [...captured]
    .filter(([, value]) => value.length >= SHORTEST_CAPTURE && !CHECKSUMMED.test(value))
    .toSorted(([, a], [, b]) => b.length - a.length)
    .reduce((rest, [name, value]) => rest.replaceAll(value, () => `{{${name}}}`), text);
}

/** The object or array that a text is the JSON of. */
function parseTree(text: string): object | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    const value = parseKeepingIntegers(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
