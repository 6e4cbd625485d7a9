import type { Codec, DaemonMessage, PluginEvent } from "../messages.ts";
import { decodeBlock } from "./decode.ts";

const SESSION_ID = /"session_id"\s*:\s*"([^"\\]{1,128})"/;

/** The dialect of the published SDKs: one JSON object a line (contract/plugin-wire 0, 1.3). */
export function createSdkCodec(): Codec {
  return { name: "sdk", decode: decodeBlock, decodeOversize, encode };
}

function decodeOversize(head: string, sizeBytes: number, limitBytes: number): PluginEvent {
  const sessionId = SESSION_ID.exec(head)?.[1];
  // A print of the plugin is nobody's answer, however long it is.
  if (sessionId === undefined && !head.trimStart().startsWith("{"))
    return { kind: "noise", text: `${head}… (${sizeBytes} bytes; the limit is ${limitBytes})` };
  return { kind: "oversize", sessionId, sizeBytes, limitBytes };
}

function encode(message: DaemonMessage): string | undefined {
  // The dialect has nothing else: an abandoned session runs to its end in the plugin, which beats by itself.
  if (message.kind !== "request" && message.kind !== "backwards_response") return undefined;
  const { conversationId, messageId, appId, endpointId, context } = message.session;
  const data = message.kind === "request" ? JSON.stringify(message.data) : message.data;
  const envelope = JSON.stringify({
    session_id: message.sessionId,
    conversation_id: conversationId,
    message_id: messageId,
    app_id: appId,
    endpoint_id: endpointId,
    context: context ?? null,
    event: message.kind,
  });
  return `${envelope.slice(0, -1)},"data":${data}}\n`;
}
