import { isRecord } from "../../lib/is-record.ts";
import { objectMembers } from "../../lib/json-scan.ts";
import { toOneLine } from "../../protocol/actions/one-line.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";

/** Members of the body that are none of the request's `data`. */
const ENVELOPE: ReadonlySet<string> = new Set(["action", "plugin_type", "context"]);

/**
 * The body of a call in the article's form (contract/plain-protocol 6) as the line that a program reads (section 1):
 * everything but the envelope goes to `data`, as it was written, so that every digit of a number survives. Throws
 * `bad_request` for what is no such body.
 */
export function plainRequestLine(
  body: string,
  ids: { readonly sessionId: string; readonly requestId: string },
): { readonly line: string; readonly appId: string | null } {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw new DaemonError("bad_request", "Cannot read the call: its body is not JSON", { cause });
  }
  if (!isRecord(value) || typeof value["action"] !== "string")
    throw new DaemonError("bad_request", 'Cannot read the call: its body is no object with an "action"', {
      hint: "This function speaks the plain protocol, not that of the SDK",
    });
  const text = toOneLine(body.trim());
  const members = objectMembers(text, 0).map(({ key, start, end }) => ({
    key,
    raw: text.substring(start, end),
  }));
  const raw = (name: string) => members.findLast(({ key }) => key === name)?.raw;
  const { context } = value;
  const user = isRecord(context) && typeof context["user_id"] === "string" ? context["user_id"] : undefined;
  const data = [
    ...(user === undefined || "user_id" in value ? [] : [`"user_id":${JSON.stringify(user)}`]),
    ...members
      .filter(({ key }) => !ENVELOPE.has(key))
      .map(({ key, raw: own }) => `${JSON.stringify(key)}:${own}`),
  ];
  const head = JSON.stringify({ type: "invoke", session_id: ids.sessionId, request_id: ids.requestId });
  const parts = [
    `"plugin_type":${raw("plugin_type") ?? "null"}`,
    `"action":${raw("action") ?? "null"}`,
    `"data":{${data.join(",")}}`,
    ...(isRecord(context) ? [`"context":${raw("context")}`] : []),
  ];
  const app = isRecord(context) ? context["app_id"] : undefined;
  return {
    line: `${head.slice(0, -1)},${parts.join(",")}}\n`,
    appId: typeof app === "string" ? app : null,
  };
}
