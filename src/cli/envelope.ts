import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { PluginError } from "../protocol/plugin-error.ts";
import { ApiError } from "./api-error.ts";

const Envelope = Type.Object({ code: Type.Number(), message: Type.String(), data: Type.Unknown() });
const Failure = Type.Object({ message: Type.String(), error_type: Type.String() });
const Plugin = Type.Object({
  message: Type.String(),
  error_type: Type.String(),
  args: Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()])),
});

/** How the daemon writes a success; what follows is the data, up to the closing brace. */
const SUCCESS = '{"code":0,"message":"success","data":';

/** An item of an answer: its value, and its text as the daemon sent it, where numbers keep every digit. */
export interface Answer {
  readonly value: unknown;
  readonly raw: string;
}

/**
 * Decodes `{"code", "message", "data"}` (contract/http-api 1.6). Undefined where the text is no envelope.
 * Throws `ApiError` for the failure that an envelope tells of.
 */
export function decodeEnvelope(text: string): Answer | undefined {
  const envelope = parseJson(text);
  if (!Value.Check(Envelope, envelope)) return undefined;
  if (envelope.code === 0) return { value: envelope.data, raw: rawData(text, envelope.data) };
  const failure = parseJson(envelope.message);
  if (!Value.Check(Failure, failure))
    throw new ApiError(envelope.message, { code: envelope.code, errorType: "" });
  throw new ApiError(failure.message, {
    code: envelope.code,
    errorType: failure.error_type,
    plugin: failure.error_type === "PluginInvokeError" ? decodePluginError(failure.message) : undefined,
  });
}

function rawData(text: string, data: unknown): string {
  const trimmed = text.trim();
  return trimmed.startsWith(SUCCESS) && trimmed.endsWith("}")
    ? trimmed.slice(SUCCESS.length, -1)
    : JSON.stringify(data);
}

/** The message of a `PluginInvokeError` is JSON text again; some daemons break that rule and send plain text. */
function decodePluginError(text: string): PluginError {
  const error = parseJson(text);
  if (!Value.Check(Plugin, error)) return { error_type: "PluginInvokeError", message: text };
  return { error_type: error.error_type, message: error.message, args: error.args ?? {} };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller asks for a shape, and text that is no JSON has none.
    return undefined;
  }
}
