import { DaemonError } from "../protocol/daemon-error.ts";
import type { HookHead } from "../protocol/hook-reply.ts";
import type { Invocation, InvocationEnd, Taken } from "../protocol/invocation.ts";
import { pluginErrorText } from "../protocol/plugin-error.ts";
import type { HookCall } from "../service/hook-calls.ts";
import { type DirectController, writeOut } from "./direct-controller.ts";
import { failureOf } from "./errors.ts";

const NOTHING = new Uint8Array();

/**
 * Answers with what the plugin answers (contract/backwards-invocation 5.4): status and headers with the first piece of the
 * body, and every piece as it comes, at the client's pace. Throws what ended the call before that; afterwards the
 * error is the last that stands in the body.
 */
export async function hookAnswer(call: HookCall, method: string): Promise<Response> {
  const { invocation } = call;
  const first = await invocation.take();
  // There is an item or an end, and of the body at least its first piece.
  if (first.items.length === 0 && first.end) throwFailure(first.end);
  const { head } = call;
  const init = { status: head.status, headers: headersOf(head, method) };
  if (method === "HEAD" || head.status === 204 || head.status === 304) {
    invocation.cancel();
    return withoutBody(init);
  }
  // Most answers are one piece, and end with it.
  if (first.end) return new Response(bytesOf(first), init);
  const body = bytesOf(first);
  if (head.headers.get("content-length") === String(body.byteLength)) {
    void drain(invocation);
    return new Response(body, init);
  }
  const source = {
    type: "direct" as const,
    pull: (controller: DirectController) => relay(invocation, body, controller),
    cancel: () => invocation.cancel(),
  };
  return new Response(new ReadableStream(source), init);
}

/** To HEAD the framework gives the length of the body that there is, which is none; here the plugin's own counts. */
function withoutBody(init: { readonly status: number; readonly headers: Headers }): Response {
  const response = new Response(null, init);
  Object.defineProperty(response.headers, "set", { value: () => undefined });
  return response;
}

/** The listener knows the length of what it sends, and cuts streams into chunks; of HEAD only the plugin knows it. */
function headersOf({ status, headers }: HookHead, method: string): Headers {
  const kept = new Headers();
  for (const [name, value] of headers) {
    if (name === "content-length" && method !== "HEAD") continue;
    if (status === 304 && (name === "content-type" || name === "content-length")) continue;
    kept.set(name, value);
  }
  return kept;
}

/** Nothing was sent yet: the caller gets a proper failure. */
function throwFailure(end: InvocationEnd): void {
  const text = endText(end);
  if (end.kind === "timeout") throw timeoutError();
  if (text !== "") throw new DaemonError("internal", text);
}

/** What stands last in a body that the call did not complete. */
function endText(end: InvocationEnd): string {
  switch (end.kind) {
    case "completed":
    case "cancelled":
      return "";
    case "plugin_error":
    case "overflow":
      return pluginErrorText(end.error);
    case "connection_closed":
      // What the process wrote before its end is not for strangers; the log has it.
      return pluginErrorText({ ...end.error, args: {} });
    case "timeout":
      return JSON.stringify(failureOf(timeoutError()));
  }
}

function timeoutError(): DaemonError {
  return new DaemonError("timeout", "killed by timeout");
}

/** All that was taken, decoded into one place: a body goes through here at the speed of the socket. */
function bytesOf({ items, end }: Taken): Uint8Array<ArrayBuffer> {
  const text = end ? Buffer.from(endText(end)) : NOTHING;
  let bytes = text.byteLength;
  for (const piece of items) bytes += piece.length / 2;
  const body = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const piece of items) at += body.write(piece, at, "hex");
  body.set(text, at);
  return body;
}

async function relay(invocation: Invocation, first: Uint8Array, controller: DirectController): Promise<void> {
  try {
    let taken: Taken = { items: [] };
    for (let bytes = first; ; bytes = bytesOf(taken)) {
      if (bytes.byteLength > 0) {
        await writeOut(controller, bytes);
      }
      if (taken.end) break;
      taken = await invocation.take();
    }
  } finally {
    invocation.cancel();
    controller.close();
  }
}

/** The answer is complete, as its length tells; the call runs to its own end, within its own limit. Never rejects. */
async function drain(invocation: Invocation): Promise<void> {
  while (!(await invocation.take()).end);
}
