/** What stays as it is in a path (Go's `net/url`, which the reference is built on). */
const ESCAPED_IN_PATH = /[^A-Za-z0-9\-_.~$&+,/:;=@]/g;
const ESCAPED_IN_QUERY = /[^A-Za-z0-9\-_.~]/g;
const ESCAPE = /%([0-9a-f]{2})/gi;
const BROKEN_ESCAPE = /%(?![0-9a-f]{2})/i;

/*
 * Decoded texts are byte strings here: each character is one byte, so that what is no UTF-8 comes out as it came in.
 */

/** Decodes the escapes of a path; one that is none stays as it stands. */
export function decodePath(path: string): string {
  return path.includes("%") ? unescapeBytes(path) : path;
}

/** A decoded path, escaped anew: what was an escaped slash separates now. */
export function encodePath(path: string): string {
  return path.replace(ESCAPED_IN_PATH, escapeByte);
}

/**
 * A query as the reference reads and writes it: keys sorted, the order of a repeated key kept, `flag` as `flag=`, spaces as
 * `+`, and no pair that holds `;` or a broken escape (contract/backwards-invocation 5.3).
 */
export function normalizeQuery(query: string): string {
  const pairs: (readonly [string, string])[] = [];
  for (const part of query.split("&")) {
    if (part === "" || part.includes(";") || BROKEN_ESCAPE.test(part)) continue;
    const cut = part.indexOf("=");
    const key = cut < 0 ? part : part.slice(0, cut);
    pairs.push([decodeQuery(key), cut < 0 ? "" : decodeQuery(part.slice(cut + 1))]);
  }
  return pairs
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, value]) => `${encodeQuery(key)}=${encodeQuery(value)}`)
    .join("&");
}

function decodeQuery(text: string): string {
  return decodePath(text.replaceAll("+", " "));
}

function encodeQuery(text: string): string {
  return text.replace(ESCAPED_IN_QUERY, (char) => (char === " " ? "+" : escapeByte(char)));
}

function unescapeBytes(text: string): string {
  return text.replaceAll(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function escapeByte(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}
