import { isRecord } from "../../lib/is-record.ts";
import { objectMembers } from "../../lib/json-scan.ts";

/** A call back in the words of this dialect, made one of the SDK's (contract/plain-protocol 7). */
export interface CallBack {
  /** JSON text and value of what an `invoke` of the SDK holds. */
  readonly raw: string;
  readonly value: unknown;
  readonly spelling: Spelling;
}

/** How its answers are to be written. */
export type Spelling = "as it is" | "stored text";

export interface CallBackFields {
  readonly action: unknown;
  readonly requestId: unknown;
  /** The value of `data`, and its own text. */
  readonly data: unknown;
  readonly raw: string;
  /** The app of the session, which the article's `app.get_info` is about. */
  readonly appId: string | null;
}

const STORAGE: ReadonlyMap<unknown, string> = new Map([
  ["storage.get", "get"],
  ["storage.set", "set"],
  ["storage.delete", "del"],
  ["storage.exist", "exist"],
]);

/**
 * The article's dotted actions, and the types of contract/backwards-invocation 1.4 as they are. With the dotted ones a
 * stored value is a text; the type `storage` takes and gives bytes in hex.
 */
export function readCallBack({ action, requestId, data, raw, appId }: CallBackFields): CallBack {
  const given = isRecord(data) ? data : {};
  const opt = STORAGE.get(action);
  if (opt !== undefined) {
    const { value } = given;
    const stored = typeof value === "string" ? { value: Buffer.from(value).toString("hex") } : {};
    const spelling = opt === "get" ? "stored text" : "as it is";
    return { ...made("storage", requestId, { ...given, ...stored, opt }), spelling };
  }
  if (action === "app.get_info")
    return { ...made("fetch_app", requestId, { app_id: appId ?? "", ...given }), spelling: "as it is" };
  if (action === "user.get_info") return { ...made("user_info", requestId, given), spelling: "as it is" };
  const value = { type: action, backwards_request_id: requestId, request: data };
  const head = JSON.stringify({ type: action, backwards_request_id: requestId });
  return { value, raw: `${head.slice(0, -1)},"request":${raw}}`, spelling: "as it is" };
}

function made(
  type: string,
  requestId: unknown,
  request: object,
): { readonly value: unknown; readonly raw: string } {
  const value = { type, backwards_request_id: requestId, request };
  return { value, raw: JSON.stringify(value) };
}

/** One event of an answer, its `data` still text. */
export interface CallBackAnswer {
  readonly requestId: string;
  readonly event: "response" | "error" | "end";
  readonly message: string;
  readonly data: string;
}

/** Reads what the daemon answers in the SDK's words (contract/backwards-invocation 1.1). */
export function readAnswer(text: string): CallBackAnswer {
  const members = new Map(
    objectMembers(text, 0).map(({ key, start, end }) => [key, text.substring(start, end)]),
  );
  const event = textOf(members.get("event"));
  return {
    requestId: textOf(members.get("backwards_request_id")),
    event: event === "response" || event === "error" ? event : "end",
    message: textOf(members.get("message")),
    data: members.get("data") ?? "null",
  };
}

/** The answer as one line; `done` says that nothing follows. */
export function answerLine(
  answer: CallBackAnswer,
  spelling: Spelling,
): { readonly line: string; readonly done: boolean } {
  const head = `{"type":"backwards_response","request_id":${JSON.stringify(answer.requestId)},"status":`;
  if (answer.event === "error") {
    const error = JSON.stringify({ type: "BackwardsInvocationError", message: answer.message });
    return { line: `${head}"error","error":${error},"done":true}\n`, done: true };
  }
  const done = answer.event === "end" || answer.message === "struct";
  const data =
    answer.event === "end" ? "{}" : spelling === "stored text" ? storedText(answer.data) : answer.data;
  return { line: `${head}"success","data":${data},"done":${done}}\n`, done };
}

/** `{"data": hex}` as `{"value": text}`; bytes that are no text stay in hex. */
function storedText(data: string): string {
  const parsed: unknown = JSON.parse(data);
  if (!isRecord(parsed) || typeof parsed["data"] !== "string") return data;
  try {
    return JSON.stringify({
      value: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
        Buffer.from(parsed["data"], "hex"),
      ),
    });
  } catch {
    // No UTF-8: somebody stored it by the other spelling.
    return data;
  }
}

function textOf(text: string | undefined): string {
  const value: unknown = text === undefined ? undefined : JSON.parse(text);
  return typeof value === "string" ? value : "";
}
