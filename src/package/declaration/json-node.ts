import type { YamlNode, YamlScalar } from "../yaml/node.ts";

/** JSON has no lines worth telling: a whole declaration is one. */
const LINE = 1;

/**
 * A JSON value as the node that the decoders of packages take, so that a declaration that comes over the wire is read by
 * the same rules as one of a package. Numbers that `JSON.rawJSON` stands for keep their digits.
 */
export function jsonNode(value: unknown): YamlNode {
  if (typeof value === "string") return scalar(value, false);
  if (Array.isArray(value)) return { kind: "list", items: value.map(jsonNode), line: LINE };
  if (typeof value === "object" && value !== null && !JSON.isRawJSON(value))
    return {
      kind: "map",
      pairs: Object.entries(value).map(([key, inner]) => ({
        key: scalar(key, false),
        value: jsonNode(inner),
      })),
      line: LINE,
    };
  return scalar(JSON.stringify(value) ?? "null", true);
}

function scalar(text: string, plain: boolean): YamlScalar {
  return { kind: "scalar", text, plain, tag: undefined, line: LINE };
}
