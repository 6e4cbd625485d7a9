/** One request that a function got. */
export interface FunctionCall {
  readonly request: Request;
  readonly path: string;
  readonly body: string;
  /** Of the SDK's form; empty in the plain one. */
  readonly sessionId: string;
  /** The daemon has hung up. */
  readonly left: Promise<void>;
}

export interface TestFunction extends AsyncDisposable {
  readonly url: string;
  readonly calls: FunctionCall[];
  /** How it answers from now on. */
  answer: (call: FunctionCall) => Response | Promise<Response>;
}

/** A function that answers as the test says, on a free port, gone with its block (`await using`). */
export function startTestFunction(answer: TestFunction["answer"] = tool("hello")): TestFunction {
  const calls: FunctionCall[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const left = Promise.withResolvers<void>();
      request.signal.addEventListener("abort", () => left.resolve());
      const body = await request.text();
      const url = new URL(request.url);
      const call = {
        request,
        path: url.pathname + url.search,
        body,
        sessionId: request.headers.get("dify-plugin-session-id") ?? "",
        left: left.promise,
      };
      calls.push(call);
      return made.answer(call);
    },
  });
  const made: TestFunction = {
    url: `http://127.0.0.1:${server.port}`,
    calls,
    answer,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
  return made;
}

/** A line of the SDK's answer. */
export function sessionLine(sessionId: string, type: string, data: unknown): string {
  return `${JSON.stringify({ event: "session", session_id: sessionId, data: { type, data } })}\n\n`;
}

export function textItem(sessionId: string, text: string): string {
  return sessionLine(sessionId, "stream", { type: "text", message: { text }, meta: null });
}

/** Answers one text, as the SDK does. */
export function tool(text: string): TestFunction["answer"] {
  return ({ sessionId }) => new Response(textItem(sessionId, text) + sessionLine(sessionId, "end", {}));
}

/** A body in pieces; it stays open after the last one where `open`. */
export function streamed(pieces: readonly string[], options: { readonly open?: boolean } = {}): Response {
  return new Response(
    new ReadableStream({
      start(controller) {
        for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece));
        if (options.open !== true) controller.close();
      },
    }),
  );
}
