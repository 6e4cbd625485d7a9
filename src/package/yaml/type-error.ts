import type { DecodeContext } from "./entries.ts";
import type { YamlList, YamlMap, YamlScalar } from "./node.ts";
import { resolveScalar } from "./scalar.ts";

const TAGS = {
  null: "!!null",
  bool: "!!bool",
  int: "!!int",
  float: "!!float",
  time: "!!timestamp",
  string: "!!str",
} as const;
/** A longer value is cut in messages. */
const MAX_QUOTED = 10;

/** Notes that a node is not of the type which its place wants, in the words of the reference. */
export function reportType(
  node: YamlScalar | YamlList | YamlMap,
  typeName: string,
  context: DecodeContext,
): void {
  context.errors.push(`line ${node.line}: cannot unmarshal ${describe(node)} into ${typeName}`);
}

function describe(node: YamlScalar | YamlList | YamlMap): string {
  if (node.kind === "list") return "!!seq";
  if (node.kind === "map") return "!!map";
  const characters = Array.from(node.text);
  const value = characters.length > MAX_QUOTED ? `${characters.slice(0, 7).join("")}...` : node.text;
  return `${TAGS[resolveScalar(node).kind]} \`${value}\``;
}
