import { DaemonError } from "../../protocol/daemon-error.ts";
import { deref, type YamlMap, type YamlNode } from "./node.ts";

/** Collects what is wrong with one document, so that an author sees all of it at once. */
export interface DecodeContext {
  /** Lines such as ``line 8: cannot unmarshal !!str `lots` into int64``. */
  readonly errors: string[];
}

export interface YamlEntry {
  readonly key: YamlNode;
  readonly value: YamlNode;
}

/**
 * The entries of a mapping, merge keys (`<<`) resolved: its own first, then what it merges and does not have.
 *
 * A key that stands twice is an error, and the mapping then counts as empty. Throws `bad_request` where `<<` has
 * something else than mappings.
 */
export function entriesOf(map: YamlMap, context: DecodeContext): YamlEntry[] {
  const own: YamlEntry[] = [];
  const merged: YamlNode[] = [];
  const lineOf = new Map<string, number>();
  const known = context.errors.length;
  for (const { key, value } of map.pairs) {
    const name = keyText(key);
    const before = name === undefined ? undefined : lineOf.get(name);
    if (before !== undefined)
      context.errors.push(
        `line ${key.line}: mapping key ${JSON.stringify(keyText(key))} already defined at line ${before}`,
      );
    else if (name !== undefined) lineOf.set(name, key.line);
    if (isMergeKey(key)) merged.push(value);
    else own.push({ key, value });
  }
  if (context.errors.length > known) return [];
  if (merged.length === 0) return own;
  const seen = new Set(own.map(({ key }) => keyText(key)));
  for (const entry of merged.flatMap((value) => mergedEntries(value, context))) {
    const name = keyText(entry.key);
    if (seen.has(name)) continue;
    seen.add(name);
    own.push(entry);
  }
  return own;
}

/** The text of a key, undefined where it is a collection. Keys are the same when their texts are, quoted or not. */
export function keyText(key: YamlNode): string | undefined {
  const node = deref(key);
  return node.kind === "scalar" ? node.text : undefined;
}

function isMergeKey(key: YamlNode): boolean {
  return key.kind === "scalar" && key.plain && key.text === "<<";
}

function mergedEntries(value: YamlNode, context: DecodeContext): YamlEntry[] {
  const node = deref(value);
  if (node.kind === "map") return entriesOf(node, context);
  const parts = node.kind === "list" ? node.items.map(deref) : [];
  if (node.kind !== "list" || parts.some((part) => part.kind !== "map"))
    throw new DaemonError("bad_request", "yaml: map merge requires map or sequence of maps as the value");
  return parts.flatMap((part) => (part.kind === "map" ? entriesOf(part, context) : []));
}
