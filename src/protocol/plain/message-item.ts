import { isRecord } from "../../lib/is-record.ts";
import { rawMember } from "../../lib/json-scan.ts";
import type { Item } from "./answer-items.ts";

type Fields = Readonly<Record<string, unknown>>;

/** How the content of a message becomes what the platform expects of its type; JSON text. */
type Content = (content: Text, fields: Fields, createId: () => string) => string;

interface Text {
  readonly value: unknown;
  readonly raw: string;
}

const text: Content = ({ value, raw }) => `{"text":${typeof value === "string" ? raw : JSON.stringify(raw)}}`;
const asItIs: Content = ({ raw }) => raw;

/** By the type of the message (contract/http-api 4.3). */
const CONTENTS: ReadonlyMap<unknown, Content> = new Map<unknown, Content>([
  ["text", text],
  ["link", text],
  ["image", text],
  ["image_link", text],
  ["binary_link", text],
  ["json", ({ raw }) => `{"json_object":${raw}}`],
  ["blob", ({ raw }) => `{"blob":${raw}}`],
  ["variable", variable],
  ["log", log],
]);

/**
 * The message of a tool for what a plugin gives in short (contract/plain-protocol 2); one that is a message already
 * stays as it is. `createId` names the entry of a log that has no id of its own.
 */
export function messageItem(data: Item, createId: () => string): Item {
  const { value, raw } = data;
  if (!isRecord(value) || isRecord(value["message"]) || !("content" in value)) return data;
  const { type = "text", content } = value;
  // Most of what there is, once for every token.
  if (type === "text" && typeof content === "string" && value["meta"] === undefined)
    return {
      value: { type, message: { text: content }, meta: null },
      raw: `{"type":"text","message":{"text":${contentText(value, raw)}},"meta":null}`,
    };
  const make = CONTENTS.get(type) ?? asItIs;
  const message = make({ value: content, raw: contentText(value, raw) }, value, createId);
  const made = `{"type":${JSON.stringify(type)},"message":${message},"meta":${metaText(value, raw)}}`;
  return { value: JSON.parse(made), raw: made };
}

/** How nearly everybody writes a text and nothing else, or its type before it. */
const TEXT_HEADS = [
  '{"content":"',
  '{"content": "',
  '{"type":"text","content":"',
  '{"type": "text", "content": "',
] as const;

/** The JSON text of `content`, which is the plugin's own where that is found at once, and for its digits where it is no text. */
export function contentText({ content }: Fields, raw: string): string {
  for (const head of TEXT_HEADS)
    // The next quote ends the text. Where the object ends behind it, there is nothing else.
    if (raw.startsWith(head) && raw.indexOf('"', head.length) === raw.length - 2)
      return raw.substring(head.length - 1, raw.length - 1);
  return typeof content === "string" ? JSON.stringify(content) : (rawMember(raw, ["content"]) ?? "null");
}

function metaText(value: Fields, raw: string): string {
  if (isRecord(value["meta"])) return rawMember(raw, ["meta"]) ?? "null";
  const { mime_type: mimeType, filename } = value;
  if (typeof mimeType !== "string" && typeof filename !== "string") return "null";
  return JSON.stringify({ mime_type: mimeType, filename });
}

/** `{"type":"variable","name":"n","content":V}`, or the whole of it as the content. */
function variable({ value, raw }: Text, fields: Fields): string {
  if (isRecord(value) && "variable_name" in value) return raw;
  const name = fields["name"] ?? fields["variable_name"] ?? "";
  const rest = JSON.stringify({ variable_name: name, stream: fields["stream"] === true });
  return `${rest.slice(0, -1)},"variable_value":${raw}}`;
}

/** A text is the label of an entry; an object may leave out what every entry has to have. */
function log({ value, raw }: Text, fields: Fields, createId: () => string): string {
  const given = isRecord(value) ? value : {};
  const entry = {
    id: given["id"] ?? createId(),
    label: given["label"] ?? (typeof value === "string" ? value : raw),
    parent_id: given["parent_id"] ?? fields["parent_id"] ?? null,
    error: given["error"] ?? null,
    status: given["status"] ?? fields["status"] ?? "success",
    metadata: given["metadata"] ?? {},
  };
  const data = isRecord(given["data"]) ? (rawMember(raw, ["data"]) ?? "{}") : "{}";
  return `${JSON.stringify(entry).slice(0, -1)},"data":${data}}`;
}
