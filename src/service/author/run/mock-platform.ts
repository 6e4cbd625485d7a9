import { isRecord } from "../../../lib/is-record.ts";
import type { PluginPermission } from "../../../protocol/declaration.ts";
import { refusalOf } from "../../../protocol/backwards/call-permissions.ts";
import { mockAnswer } from "./mock-answers.ts";

/** One message to the plugin about its call back (contract/backwards-invocation 1.1). */
export interface BackwardsEvent {
  readonly event: "response" | "error" | "end";
  readonly message: string;
  readonly data: unknown;
}

export type MockReply =
  /** It cannot be answered; the plugin's own call ends with this. */
  | { readonly kind: "malformed"; readonly detail: string }
  | { readonly kind: "answered"; readonly requestId: string; readonly events: readonly BackwardsEvent[] };

export interface MockContext {
  readonly permission: PluginPermission | undefined;
  /** `model`, `tool`, …: what the call is that the plugin is in. */
  readonly callType: string;
}

/**
 * Answers calls back in place of Dify, always with the same (contract/plugin-package 7.3): the checks are the
 * daemon's, the answers are made up. Pure.
 */
export function mockPlatform(call: unknown, context: MockContext): MockReply {
  if (!isRecord(call)) return malformed("unmarshal invoke request failed: it is no object");
  const { type, backwards_request_id: requestId, request } = call;
  if (typeof type !== "string") return malformed("invoke request missing type: it is no text");
  if (typeof requestId !== "string") return malformed("invoke request missing request_id: it is no text");
  if (!isRecord(request)) return malformed("invoke request missing request: it is no object");
  const refusal =
    context.callType === "model" ? "you can not invoke dify from model" : refusalOf(type, context.permission);
  const answer = refusal === undefined ? mockAnswer(type, request) : { error: refusal };
  const events: BackwardsEvent[] =
    "error" in answer
      ? [{ event: "error", message: answer.error, data: null }]
      : answer.items.map((data) => ({
          event: "response",
          message: answer.streams ? "stream" : "struct",
          data,
        }));
  return { kind: "answered", requestId, events: [...events, { event: "end", message: "", data: null }] };
}

function malformed(detail: string): MockReply {
  return { kind: "malformed", detail };
}
