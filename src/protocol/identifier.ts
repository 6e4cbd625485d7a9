import { DaemonError } from "./daemon-error.ts";

/** Anchored, ASCII classes only (contract/plugin-package 4.3). */
const IDENTIFIER =
  /^(?:([a-z0-9_-]{1,64})\/)?([a-z0-9_-]{1,255}):([0-9]{1,4}(?:\.[0-9]{1,4}){1,3}(?:-[A-Za-z0-9_]{1,16})?)@([a-f0-9]{32,64})$/;
const UUID = /^(?:[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/i;

/** A parsed plugin unique identifier, `author/name:version@checksum`. */
export interface Identifier {
  /** The whole text. */
  readonly text: string;
  /** Empty when the identifier has no author part. */
  readonly author: string;
  readonly name: string;
  readonly version: string;
  readonly checksum: string;
  /** `author/name`, or `name` without author. */
  readonly pluginId: string;
}

/** Undefined where the text is no identifier. */
export function parseIdentifier(text: string): Identifier | undefined {
  const match = IDENTIFIER.exec(text);
  // `$` also matches before a trailing newline in some engines; the length check keeps the rule explicit.
  if (!match || match[0].length !== text.length) return undefined;
  const [, author = "", name = "", version = "", checksum = ""] = match;
  return { text, author, name, version, checksum, pluginId: author ? `${author}/${name}` : name };
}

/** Throws `invalid_identifier` where the text is no identifier. */
export function requireIdentifier(text: string): Identifier {
  const identifier = parseIdentifier(text);
  if (!identifier)
    throw new DaemonError("invalid_identifier", `plugin_unique_identifier is not valid: ${text}`);
  return identifier;
}

/** The author is a UUID: a leftover heuristic for debugged plugins; such packages may not be uploaded. */
export function isRemoteLike(author: string): boolean {
  return UUID.test(author);
}

/** Folder of a plugin below the working path: `author/name-version@checksum`. */
export function workingFolder(identifier: Identifier): string {
  return identifier.text.replaceAll(":", "-");
}
