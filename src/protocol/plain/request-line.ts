import { ACTIONS } from "../actions/catalogue.ts";
import type { DaemonMessage } from "../messages.ts";

type Request = Extract<DaemonMessage, { kind: "request" }>;

/** `invoke` and `validate` stand for many of the SDK's actions; all others go by the SDK's own name. */
const ACTION_NAMES: ReadonlyMap<unknown, string> = new Map([
  ...ACTIONS.map(({ path, action }) => [action, actionName(path) ?? action] as const),
  ["invoke_endpoint", "invoke"],
]);

function actionName(path: string): string | undefined {
  if (path.endsWith("/invoke")) return "invoke";
  return /\/validate_(?:\w+_)?credentials$/.test(path) ? "validate" : undefined;
}

/** What a request is in this dialect's words: whether it checks credentials, whatever the SDK calls it. */
export function plainAction(action: unknown): string {
  return ACTION_NAMES.get(action) ?? String(action);
}

/**
 * A request as one line, in the order of the article's example (contract/plain-protocol 1).
 *
 * The ids that the platform gave stand in `context`, as they do for cloud functions (section 6), if there are any.
 */
export function requestLine(message: Request, requestId: string): string {
  const { type, action, ...fields } = message.data;
  const context = contextOf(message);
  return `${JSON.stringify({
    type: "invoke",
    session_id: message.sessionId,
    request_id: requestId,
    plugin_type: type === "endpoint" ? "extension" : type,
    action: plainAction(action),
    data: type === "tool" ? toolData(fields) : fields,
    ...(context && { context }),
  })}\n`;
}

function toolData(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { tool, tool_parameters: parameters, credentials, ...rest } = fields;
  return {
    ...(tool !== undefined && { tool_name: tool }),
    ...(parameters !== undefined && { parameters }),
    ...(credentials !== undefined && { credentials }),
    ...rest,
  };
}

function contextOf({ session, data }: Request): Record<string, unknown> | undefined {
  const { conversationId, messageId, appId, endpointId, context } = session;
  const ids = Object.entries({
    app_id: appId,
    conversation_id: conversationId,
    message_id: messageId,
    endpoint_id: endpointId,
  }).filter(([, id]) => id !== null);
  const given = typeof context === "object" && context !== null ? context : undefined;
  if (ids.length === 0 && !given) return undefined;
  return { user_id: data["user_id"], ...Object.fromEntries(ids), ...given };
}
