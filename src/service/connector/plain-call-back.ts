import { describeError } from "../../lib/describe-error.ts";
import { isRecord } from "../../lib/is-record.ts";
import { rawMember } from "../../lib/json-scan.ts";
import { createLineSplitter, type SplitPart } from "../../lib/line-splitter.ts";
import { answerLine, readAnswer, readCallBack } from "../../protocol/plain/call-back.ts";

/** What a program asks of the platform while it is called (contract/plain-protocol 7). */
export interface PlainCallBack {
  readonly message: Readonly<Record<string, unknown>>;
  /** Its own text. */
  readonly line: string;
}

export interface PlainCallBackContext {
  readonly sessionId: string;
  readonly appId: string | null;
  /** Aborted when the call is over that it belongs to. */
  readonly signal: AbortSignal;
  /** Hands the program one line. */
  readonly write: (line: string) => Promise<void>;
}

export interface PlainCallBacksOptions {
  readonly daemonUrl: string;
  readonly maxLineBytes: number;
}

/**
 * Takes calls back of a program to the daemon, as the SDK does (contract/plugin-wire 3.5): one request each, whose
 * answer is lines of complete messages. Whatever goes wrong is an answer to the program. Never rejects.
 */
export function createPlainCallBacks({ daemonUrl, maxLineBytes }: PlainCallBacksOptions) {
  const url = `${daemonUrl.replace(/\/+$/, "")}/backwards-invocation/transaction`;

  return async function callBack(
    { message, line }: PlainCallBack,
    context: PlainCallBackContext,
  ): Promise<void> {
    const { sessionId, appId, signal, write } = context;
    const requestId = message["request_id"];
    try {
      const { raw, spelling } = readCallBack({
        action: message["action"],
        requestId,
        data: message["data"] ?? {},
        raw: rawMember(line, ["data"]) ?? "{}",
        appId,
      });
      const id = JSON.stringify(sessionId);
      const response = await fetch(url, {
        method: "POST",
        headers: { "dify-plugin-session-id": sessionId },
        body: `{"event":"session","session_id":${id},"data":{"type":"invoke","data":${raw}}}\n\n`,
        signal,
        // The path may hold a secret of the daemon's.
        redirect: "manual",
        proxy: false,
        timeout: false,
      });
      if (response.status !== 200) throw new Error(await refusal(response));
      for await (const answer of messages(response.body, maxLineBytes)) {
        const event = rawMember(answer, ["data"]);
        if (event === undefined) continue;
        const { line: text, done } = answerLine(readAnswer(event), spelling);
        await write(text);
        if (done) return;
      }
      throw new Error("the daemon's answer broke off");
    } catch (cause) {
      if (signal.aborted) return;
      const error = JSON.stringify({ type: "BackwardsInvocationError", message: describeError(cause) });
      const id = JSON.stringify(requestId ?? null);
      // A program that takes no line has ended, or is about to.
      await write(
        `{"type":"backwards_response","request_id":${id},"status":"error","error":${error},"done":true}\n`,
      ).catch(() => undefined);
    }
  };
}

const SHOWN_CHARS = 1024;

async function refusal(response: Response): Promise<string> {
  const text = (await response.text()).slice(0, SHOWN_CHARS);
  return `the daemon refused the call back with ${response.status}: ${text}`;
}

/** The messages of an answer; keep-alives between them are empty lines. */
async function* messages(
  body: ReadableStream<Uint8Array> | null,
  maxLineBytes: number,
): AsyncGenerator<string> {
  const splitter = createLineSplitter(maxLineBytes);
  const linesOf = (parts: readonly SplitPart[]) =>
    parts.flatMap((part) => {
      if (typeof part !== "string") throw new Error(`a line of ${part.sizeBytes} bytes is too long`);
      return part.split("\n").map((text) => text.trim());
    });
  for await (const chunk of body ?? [])
    for (const text of linesOf(splitter.push(chunk))) if (isMessage(text)) yield text;
  for (const text of linesOf(splitter.flush())) if (isMessage(text)) yield text;
}

function isMessage(text: string): boolean {
  if (text === "") return false;
  const value: unknown = JSON.parse(text);
  return isRecord(value) && isRecord(value["data"]);
}
