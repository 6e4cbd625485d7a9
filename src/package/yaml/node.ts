/** A YAML value as it stands in the text: nothing is interpreted, so `1.10` is still `1.10`. */
export type YamlNode = YamlScalar | YamlList | YamlMap | YamlAlias;

export interface YamlScalar {
  readonly kind: "scalar";
  /** The text after unfolding and unescaping. */
  readonly text: string;
  /** Written without quotes and not as a block, so that it may mean a number, a bool, null or a time. */
  readonly plain: boolean;
  /** An explicit tag in its short form, such as `!!str`. */
  readonly tag: string | undefined;
  /** Counted from 1. */
  readonly line: number;
}

export interface YamlList {
  readonly kind: "list";
  readonly items: readonly YamlNode[];
  readonly line: number;
}

export interface YamlMap {
  readonly kind: "map";
  /** In document order, duplicates and merge keys included. */
  readonly pairs: readonly YamlPair[];
  readonly line: number;
}

export interface YamlPair {
  readonly key: YamlNode;
  readonly value: YamlNode;
}

export interface YamlAlias {
  readonly kind: "alias";
  readonly name: string;
  readonly target: YamlScalar | YamlList | YamlMap;
  readonly line: number;
}

/** The node that an alias stands for; any other node itself. */
export function deref(node: YamlNode): YamlScalar | YamlList | YamlMap {
  return node.kind === "alias" ? node.target : node;
}
