import { Type } from "@sinclair/typebox";
import { MapOrNull, OneOf, OpenObject } from "./fields.ts";

const MESSAGE_TYPES = [
  "text",
  "json",
  "blob",
  "blob_chunk",
  "link",
  "image",
  "image_link",
  "binary_link",
  "variable",
  "log",
  "file",
  "retriever_resources",
] as const;

/** What tools, agents and datasources answer (contract/http-api 4.3). Both maps are passed on untouched, and always stand. */
export const MessageItem = OpenObject({ type: OneOf(MESSAGE_TYPES), message: MapOrNull, meta: MapOrNull });

/** `{"result": true}`, false where the plugin does not say. */
export const ResultItem = OpenObject({ result: Type.Boolean({ default: false }) });
