import {
  type ParsedNode,
  type YAMLError,
  Composer,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  Parser,
  Scalar,
} from "yaml";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { YamlList, YamlMap, YamlNode, YamlPair, YamlScalar } from "./node.ts";

/** Nesting that no declaration needs; above it the recursive readers would run out of stack. */
const MAX_DEPTH = 256;
/** Nodes that a document may have once its aliases are written out. */
const MAX_EXPANDED_NODES = 1_000_000;
/** Ten times what real files have. A larger one would hold the event loop: the parser cannot be interrupted. */
const MAX_TEXT_BYTES = 512 * 1024;
/** Each repair reads the text anew; this bounds what is read by all of them. */
const MAX_REPAIR_LENGTH = 512 * 1024;
const EXTRA_INDENT = " ".repeat(40);
/** What is still wrong in a line after so many repairs, such as a bracket without its end, is not its indentation. */
const MAX_INDENTS_OF_LINE = 3;
const CORE_TAG = "tag:yaml.org,2002:";

/**
 * Reads the first document of a YAML text into nodes that keep their source text (contract/plugin-package 0.1).
 *
 * Undefined for a text without a document. Throws `bad_request` with a `yaml: …` text for what is no YAML.
 */
export function parseYaml(bytes: Uint8Array): YamlNode | undefined {
  if (bytes.length > MAX_TEXT_BYTES)
    throw new DaemonError(
      "bad_request",
      `yaml: the text has ${bytes.length} bytes, more than ${MAX_TEXT_BYTES}`,
    );
  let text = decodeText(bytes);
  let reported: DaemonError | undefined;
  const indents = new Map<number, number>();
  try {
    for (let repaired = 0; ; repaired += text.length) {
      const lines = new LineCounter();
      const { contents, error } = firstDocument(text, lines);
      if (!error) return contents ? nodeReader(lines)(contents, 0) : undefined;
      reported ??= describe(error, lines);
      const indented = indentLine(text, error, { lines, indents });
      if (indented === undefined || repaired > MAX_REPAIR_LENGTH) throw reported;
      text = indented;
    }
  } catch (error) {
    // The parser recurses as deep as the text nests.
    if (error instanceof RangeError)
      throw new DaemonError("bad_request", "yaml: nested too deeply", { cause: error });
    throw error;
  }
}

function describe(error: YAMLError, lines: LineCounter): DaemonError {
  const { line } = lines.linePos(error.pos[0]);
  // The parser says so itself where the stack ended.
  const message = error.code === "RESOURCE_EXHAUSTION" ? "nested too deeply" : error.message;
  return new DaemonError("bad_request", `yaml: line ${line}: ${message}`, { cause: error });
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new DaemonError("bad_request", "yaml: the text is not UTF-8", { cause: error });
  }
}

/** What the first document holds, or the first mistake in it. */
interface Composed {
  readonly contents?: ParsedNode | null;
  readonly error?: YAMLError | undefined;
}

/** What follows the first document is not looked at, as in the reference. */
function firstDocument(text: string, lines: LineCounter): Composed {
  // `failsafe` leaves every scalar a string; duplicates and merge keys are ours (decode.ts).
  const composer = new Composer({ schema: "failsafe", uniqueKeys: false, strict: false });
  const tokens = new Parser(lines.addNewLine).parse(text);
  const found = stopAtFirst(composer.streamInfo().errors);
  try {
    for (const { contents, errors } of composer.compose(tokens, true, text.length))
      return { contents, error: errors[0] };
    return {};
  } catch (cause) {
    const [error] = found;
    if (error) return { error };
    throw cause;
  }
}

/**
 * Makes the composer's own list of mistakes throw at the first one. It would go on to the last, and a text of half a
 * megabyte may have as many mistakes as characters, which takes many seconds.
 */
function stopAtFirst<T>(list: T[]): readonly T[] {
  const push = list.push.bind(list);
  list.push = (...items) => {
    push(...items);
    throw new Error("There is a mistake");
  };
  return list;
}

/**
 * The text with the line indented whose indentation the error complains about; undefined for other errors.
 *
 * The reference lets the later lines of a quoted text or a flow collection start anywhere, our parser wants them
 * further right than their key. Spaces there mean nothing, so they can be added.
 */
function indentLine(
  text: string,
  error: YAMLError,
  { lines, indents }: { readonly lines: LineCounter; readonly indents: Map<number, number> },
): string | undefined {
  const quoted = error.code === "MISSING_CHAR" && error.message.includes("quote");
  if (!quoted && !(error.code === "BAD_INDENT" && error.message.startsWith("Flow "))) return undefined;
  const [at] = error.pos;
  const { line } = lines.linePos(at);
  const endsLine = quoted || /[\r\n]/.test(text.charAt(at));
  const index = endsLine ? line : line - 1;
  const from = lines.lineStarts[index];
  const before = indents.get(index) ?? 0;
  if (from === undefined || before >= MAX_INDENTS_OF_LINE) return undefined;
  indents.set(index, before + 1);
  // Blank lines have no indentation to complain about.
  const start = text.slice(from).search(/^[^\S\n]*\S/m);
  return start < 0 ? undefined : text.slice(0, from + start) + EXTRA_INDENT + text.slice(from + start);
}

function nodeReader(lines: LineCounter): (node: ParsedNode, depth: number) => YamlNode {
  const anchors = new Map<
    string,
    { readonly node: YamlScalar | YamlList | YamlMap; readonly size: number }
  >();
  let expanded = 0;
  // An anchor counts only when its node is complete, so no node can contain itself.
  const finish = <T extends YamlScalar | YamlList | YamlMap>(
    anchor: string | undefined,
    node: T,
    before: number,
  ): T => {
    if (anchor) anchors.set(anchor, { node, size: expanded - before });
    return node;
  };
  const read = (node: ParsedNode | null, depth: number, near = 0): YamlNode => {
    const before = expanded++;
    if (!node) return { kind: "scalar", text: "", plain: true, tag: undefined, line: near };
    const line = lines.linePos(node.range[0]).line;
    if (depth > MAX_DEPTH) throw new DaemonError("bad_request", `yaml: line ${line}: nested too deeply`);
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (!target) throw new DaemonError("bad_request", `yaml: unknown anchor '${node.source}' referenced`);
      expanded += target.size;
      if (expanded > MAX_EXPANDED_NODES)
        throw new DaemonError("bad_request", "yaml: document contains excessive aliasing");
      return { kind: "alias", name: node.source, target: target.node, line };
    }
    if (isScalar(node)) {
      const plain = node.type === undefined || node.type === Scalar.PLAIN;
      const scalar = { kind: "scalar", text: node.source, plain, tag: shortTag(node.tag), line } as const;
      return finish(node.anchor, scalar, before);
    }
    if (isMap(node)) {
      const pairs: YamlPair[] = node.items.map((pair) => {
        const key = read(pair.key, depth + 1, line);
        return { key, value: read(pair.value, depth + 1, key.line) };
      });
      return finish(node.anchor, { kind: "map", pairs, line }, before);
    }
    if (isSeq(node)) {
      const items = node.items.map((item) => read(item, depth + 1, line));
      return finish(node.anchor, { kind: "list", items, line }, before);
    }
    throw new DaemonError("bad_request", `yaml: line ${line}: unexpected content`);
  };
  return read;
}

function shortTag(tag: string | undefined): string | undefined {
  return tag?.startsWith(CORE_TAG) ? `!!${tag.slice(CORE_TAG.length)}` : tag;
}
