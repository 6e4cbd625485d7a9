import { isMap, isScalar, isSeq, parseDocument, type YAMLSeq } from "yaml";
import { type BundleManifest, bundleManifest } from "../../package/bundle/manifest.ts";
import { decodeYaml } from "../../package/yaml/decode.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";

type Json = string | { readonly [key: string]: Json };

/** A bundle's manifest that can be changed in places; comments and unknown keys stay as they are. */
export interface EditableBundleManifest {
  /** As it was read. */
  readonly decoded: BundleManifest;
  set(key: string, value: Json): void;
  addDependency(dependency: Json): void;
  /** `index` counts as `decoded.dependencies` does. */
  removeDependency(index: number): void;
  text(): string;
}

/** Throws `bad_request` where the text cannot be read as a bundle's manifest. */
export function editBundleManifest(bytes: Uint8Array): EditableBundleManifest {
  const decoded = decodeYaml(bytes, bundleManifest);
  // Without types every scalar keeps its source text: `1.10` and `yes` are not touched.
  const document = parseDocument(new TextDecoder().decode(bytes), { schema: "failsafe", uniqueKeys: false });
  const [error] = document.errors;
  if (error) throw unchangeable(error.message);
  if (!isMap(document.contents)) throw unchangeable("it is no mapping");

  function dependencies(): YAMLSeq {
    const node = document.get("dependencies", true);
    if (isSeq(node)) return node;
    if (node !== undefined && decoded.dependencies !== null)
      throw unchangeable('write out "dependencies" as a list, without an alias');
    const list = document.createNode([]);
    document.set("dependencies", list);
    return list;
  }

  return {
    decoded,
    set(key, value) {
      const node = document.get(key, true);
      // A comment behind the value belongs to its node.
      if (isScalar(node) && typeof value === "string") node.value = value;
      else document.set(key, document.createNode(value));
    },
    addDependency(dependency) {
      const list = dependencies();
      // A list that was empty is written `[]`, where nothing else would be easy to read.
      if (list.items.length === 0) list.flow = false;
      list.add(document.createNode(dependency));
    },
    removeDependency(index) {
      const list = dependencies();
      // Nulls are no dependencies.
      const places = [...list.items.keys()].filter((place) => !isNothing(list.items[place]));
      const place = places[index];
      if (place !== undefined) list.delete(place);
    },
    text: () => document.toString({ lineWidth: 0 }),
  };
}

function isNothing(item: unknown): boolean {
  if (!isScalar(item)) return item === null;
  const { type, value } = item;
  // Without types a null is the text that it is written as.
  return (
    value === null || (type === "PLAIN" && typeof value === "string" && /^(?:~|null|Null|NULL)?$/.test(value))
  );
}

function unchangeable(reason: string): DaemonError {
  return new DaemonError("bad_request", `Cannot change manifest.yaml: ${reason}`);
}
