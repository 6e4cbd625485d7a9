import type { Invocation, Taken } from "../protocol/invocation.ts";
import { type DirectController, writeOut } from "./direct-controller.ts";
import { endFailure } from "./errors.ts";

const HEAD = 'data: {"code":0,"message":"success","data":';
const TAIL = "}\n\n";
/** Line ends of readers that know more than LF: they may stand raw in JSON strings, but not in an event. */
const LINE_BREAKS = /[\u0085\u2028\u2029]/g;
const HEADERS = { "content-type": "text/event-stream" };

/**
 * Answers with the items of a session as an event stream (contract/http-api 2).
 *
 * The head goes out with the first item: clients take the first byte for the first token. All that one read of the
 * plugin brought is written and flushed once, and awaited, so that a slow client holds back its own session and no other.
 * A failure is the last frame.
 */
export async function sse(invocation: Invocation): Promise<Response> {
  const first = await invocation.take();
  // Many calls have one item and end with it: no stream is needed then.
  if (first.end) return new Response(frames(first), { headers: HEADERS });
  const source = {
    type: "direct" as const,
    pull: (controller: DirectController) => relay(invocation, first, controller),
    cancel: () => invocation.cancel(),
  };
  return new Response(new ReadableStream(source), { headers: HEADERS });
}

async function relay(invocation: Invocation, first: Taken, controller: DirectController): Promise<void> {
  try {
    for (let taken = first; ; taken = await invocation.take()) {
      const text = frames(taken);
      if (text !== "") {
        await writeOut(controller, text);
      }
      if (taken.end) break;
    }
  } finally {
    invocation.cancel();
    controller.close();
  }
}

/** The text of all events of a hand-over. Items come on one line from their decoders; an error may quote anything. */
export function frames(taken: Taken): string {
  let text = "";
  for (const item of taken.items) text += HEAD + item + TAIL;
  const failure = taken.end && endFailure(taken.end);
  return failure ? `${text}data: ${JSON.stringify(failure).replace(LINE_BREAKS, escapeLineBreak)}\n\n` : text;
}

function escapeLineBreak(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
