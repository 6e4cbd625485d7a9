import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Document, isCollection, isMap, isScalar, parseDocument, type ParsedNode, Scalar } from "yaml";
import { writeFileAtomic } from "../../lib/atomic-file.ts";
import { errorCode } from "../../lib/system-error.ts";
import { manifest } from "../../package/declaration/manifest.ts";
import { decodeYaml } from "../../package/yaml/decode.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { Manifest } from "../../package/declaration/manifest-problems.ts";

/** A manifest on the disk that can be changed in places, with its comments and unknown keys left as they are. */
export interface EditableManifest {
  readonly decoded: Manifest;
  /** Replaces the value at a path of keys, or adds it with what is missing above it. */
  set(path: readonly [string, ...string[]], value: ManifestValue): void;
  text(): string;
  /** Writes it over the file that it was read from. */
  save(): Promise<void>;
}

export type ManifestValue =
  string | number | boolean | readonly ManifestValue[] | { readonly [key: string]: ManifestValue };

/** Throws `bad_request` where there is no manifest in the folder, or none that can be read. */
export async function openManifest(folder: string): Promise<EditableManifest> {
  const path = join(folder, "manifest.yaml");
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const code = errorCode(cause) ?? String(cause);
    throw new DaemonError("bad_request", `Cannot read "${path}": ${code}`, {
      cause,
      hint: "Name the folder of a plugin",
    });
  }
  const editable = editManifest(bytes);
  return { ...editable, save: () => writeFileAtomic(path, editable.text()) };
}

export function editManifest(bytes: Uint8Array): Omit<EditableManifest, "save"> {
  const decoded = decodeYaml(bytes, manifest);
  // Without types every scalar keeps its source text: `1.10` and `yes` are not touched.
  const document = parseDocument(new TextDecoder().decode(bytes), { schema: "failsafe", uniqueKeys: false });
  const [error] = document.errors;
  if (error)
    throw new DaemonError("bad_request", `Cannot change manifest.yaml: ${error.message}`, { cause: error });
  if (!isMap(document.contents))
    throw new DaemonError("bad_request", "Cannot change manifest.yaml: it is no mapping");

  return {
    decoded,
    set(path, value) {
      clearEmptyAbove(document, path);
      document.setIn(path, document.createNode(withPlainScalars(value)));
    },
    text: () => document.toString({ lineWidth: 0 }),
  };
}

/** Where `permission:` has nothing behind it there is a null in the way of what goes below. */
function clearEmptyAbove(document: Document<ParsedNode>, path: readonly string[]): void {
  for (let length = 1; length < path.length; length++) {
    const above = path.slice(0, length);
    const node = document.getIn(above, true);
    if (node === undefined) return;
    if (isCollection(node)) continue;
    if (
      isScalar(node) &&
      (node.value === null || node.value === "" || node.value === "~" || node.value === "null")
    )
      document.deleteIn(above);
    else
      throw new DaemonError(
        "bad_request",
        `Cannot change manifest.yaml: "${above.join(".")}" is written in a way that cannot be changed here`,
        { hint: "Write it out as a mapping, without an alias" },
      );
    return;
  }
}

/** Numbers and flags as the texts that they are without a schema; texts are quoted where YAML needs it. */
function withPlainScalars(value: ManifestValue): unknown {
  if (typeof value === "number" || typeof value === "boolean") {
    return Object.assign(new Scalar(String(value)), { type: Scalar.PLAIN });
  }
  if (typeof value === "string") return value;
  if (isList(value)) return value.map(withPlainScalars);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withPlainScalars(item)]));
}

function isList(value: ManifestValue): value is readonly ManifestValue[] {
  return Array.isArray(value);
}
