import { describeError } from "./describe-error.ts";

const MASK = "[redacted]";
const MAX_DEPTH = 6;
const MAX_ITEMS = 100;
const MAX_TEXT = 16_384;

/** Words that make a name one of a secret: as the last part of a word, so that `accesstoken` counts as well. */
const SECRET_WORD =
  /(?:token|secret|password|passwd|passphrase|credential|authorization|cookie|apikey|accesskey|privatekey|secretkey)(s?)$/;
/** Without one of these no name is secret; most names end here, a third of the time of a log record. */
const SUSPICIOUS = /key|token|secret|passw|passphrase|credential|authorization|cookie|dsn|connection/i;
/** What describes a secret is none: `key_file`, `token_count`, `credential_type`. */
const DESCRIPTION = /^(?:file|path|count|length|size|type|id|name|index|limit)s?$/;

/**
 * A copy of any value that is plain JSON, of bounded size, and without secrets: what is kept under a name that looks
 * like one is masked at any depth, and so are the user info and the secret parameters of URLs in texts.
 */
export function redact(value: unknown): unknown {
  return copy(value, []);
}

/** Whether what is kept under this name has to be masked: `api_key`, `X-Api-Key`, `serverKey`, `accessToken`. */
export function isSecretName(name: string): boolean {
  return secrecy(name) !== "none";
}

/** Removes `user:password@` from every URL in a text. */
export function stripUserInfo(text: string): string {
  return text.includes("://") ? text.replaceAll(/:\/\/[^\s/?#"'<>]*@/g, "://") : text;
}

/** A text without the user info and the secret parameters of the URLs in it. */
export function redactText(text: string): string {
  const bare = stripUserInfo(text);
  return bare.includes("=")
    ? bare.replaceAll(/([?&])([\w.~%[\]-]{1,64})=[^&\s#"'<>]+/g, (whole, mark: string, name: string) =>
        isSecretName(name) ? `${mark}${name}=${MASK}` : whole,
      )
    : bare;
}

/** Numbers under a plural are counts (`prompt_tokens: 50`); under a singular they are secrets (`password: 1234`). */
function secrecy(name: string): "none" | "singular" | "plural" {
  if (!SUSPICIOUS.test(name)) return "none";
  const words = name
    .replaceAll(/([a-z\d])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((word) => word !== "");
  if (words.length > 1 && DESCRIPTION.test(words.at(-1) ?? "")) return "none";
  if (words.join(" ").endsWith("connection string")) return "singular";
  for (const word of words) {
    if (word === "key" || word === "dsn") return "singular";
    if (word === "keys") return "plural";
    const match = SECRET_WORD.exec(word);
    if (match !== null) return match[1] === "s" ? "plural" : "singular";
  }
  return "none";
}

function copy(value: unknown, parents: readonly object[]): unknown {
  if (typeof value === "string") return redactText(shorten(value));
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "function" || typeof value === "symbol") return `[${typeof value}]`;
  return typeof value === "object" && value !== null ? copyObject(value, parents) : value;
}

function copyObject(value: object, parents: readonly object[]): unknown {
  if (parents.includes(value)) return "[circular]";
  if (value instanceof Error) return redactText(shorten(describeError(value)));
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "[invalid date]" : value.toISOString();
  if (value instanceof URL) return redactText(value.href);
  if (value instanceof RegExp) return String(value);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (parents.length >= MAX_DEPTH) return "[too deep]";
  const path = [...parents, value];
  if (Array.isArray(value)) return copyList(value, path);
  if (value instanceof Set) return copyList([...value], path);
  if (value instanceof Map || value instanceof Headers || value instanceof URLSearchParams)
    return copyEntries(
      [...value].map(([name, item]) => [String(name), item] as const),
      path,
    );
  return copyEntries(Object.entries(value), path);
}

function copyList(items: readonly unknown[], path: readonly object[]): unknown {
  // A pair may be an entry of a list of headers.
  const [name] = items;
  if (items.length === 2 && typeof name === "string" && isSecretName(name)) return [name, MASK];
  const copied = items.slice(0, MAX_ITEMS).map((item) => copy(item, path) ?? null);
  return items.length > MAX_ITEMS ? [...copied, `[${items.length - MAX_ITEMS} more]`] : copied;
}

function copyEntries(entries: readonly (readonly [string, unknown])[], path: readonly object[]): unknown {
  const copied = new Map<string, unknown>();
  for (const [name, item] of entries.slice(0, MAX_ITEMS)) {
    const kind = secrecy(name);
    const harmless =
      item === undefined ||
      item === null ||
      typeof item === "boolean" ||
      (kind === "plural" && isCount(item));
    copied.set(name, kind !== "none" && !harmless ? MASK : copy(item, path));
  }
  if (entries.length > MAX_ITEMS) copied.set("…", `[${entries.length - MAX_ITEMS} more]`);
  return Object.fromEntries(copied);
}

function isCount(item: unknown): boolean {
  return typeof item === "number" || typeof item === "bigint";
}

function shorten(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}… (${text.length - MAX_TEXT} more)` : text;
}
