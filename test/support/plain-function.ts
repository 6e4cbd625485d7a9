import { createInterface } from "node:readline";

/*
 * A program in the article's plain protocol that does what `parameters.mode` says, one call after the other. Run as the
 * entry point of a package in TypeScript.
 */

/** What a call asks of it. */
export interface PlainParameters {
  readonly mode?: string;
  readonly n?: number;
  readonly query?: string;
}

interface Call {
  readonly type: string;
  readonly session_id: string;
  readonly request_id: string;
  readonly plugin_type: string;
  readonly action: string;
  readonly data: { readonly parameters?: PlainParameters };
}

const say = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);
const waiting: Promise<void>[] = [];
let onAnswer: (line: string) => void = () => undefined;

async function answer(call: Call, line: string): Promise<void> {
  const ids = { session_id: call.session_id, request_id: call.request_id };
  const { mode = "echo", n = 3 } = call.data.parameters ?? {};
  switch (mode) {
    case "echo":
      return void say({ type: "response", ...ids, status: "success", data: { line, pid: process.pid } });
    case "no ids":
      return void say({ type: "response", status: "success", data: { type: "text", content: "hi" } });
    case "environment":
      return void say({ type: "response", ...ids, status: "success", data: process.env });
    case "error": {
      const error = {
        type: "CredentialsValidationError",
        message: "Invalid API key",
        code: "INVALID_CREDENTIALS",
      };
      return void say({ type: "response", ...ids, status: "error", error });
    }
    case "stream":
    case "stream, then die":
    case "stream, then error":
      say({ type: "stream_start", ...ids });
      for (let at = 0; at < n; at++) say({ type: "stream_chunk", data: { content: `part ${at}` } });
      if (mode === "stream, then die") process.exit(7);
      if (mode === "stream, then error")
        return void say({ status: "error", error: { type: "RateLimitError", message: "enough" } });
      return void say({ type: "stream_end", data: { total_tokens: 100 } });
    case "flood":
      say({ type: "stream_start" });
      for (let at = 0; at < n; at++)
        if (!say({ type: "stream_chunk", data: { content: "x".repeat(100_000) } }))
          await new Promise<void>((resolve) => process.stdout.once("drain", resolve));
      return void say({ type: "stream_end", data: {} });
    case "sleep":
      await Bun.sleep(n);
      return void say({ type: "response", ...ids, status: "success", data: { pid: process.pid } });
    case "call back": {
      const answers: string[] = [];
      const done = Promise.withResolvers<void>();
      onAnswer = (text) => {
        answers.push(text);
        if (text.includes('"done":true')) done.resolve();
      };
      say({
        type: "backwards",
        session_id: ids.session_id,
        request_id: "b1",
        action: "storage.get",
        data: { key: "k" },
      });
      await done.promise;
      return void say({ type: "response", ...ids, status: "success", data: { answers } });
    }
    case "eat": {
      // A look at the memory may take a second.
      const eaten: Buffer[] = [];
      for (let at = 0; at < n; at++) {
        eaten.push(Buffer.alloc(1024 * 1024, at));
        await Bun.sleep(5);
      }
      return void say({ type: "response", ...ids, status: "success", data: { eaten: eaten.length } });
    }
    case "die":
      process.stderr.write("last words\n");
      return process.exit(7);
    case "print":
      process.stdout.write("a plain line\n");
      say({ type: "log", level: "info", message: "a log line" });
      return void say({ type: "response", ...ids, status: "success", data: null });
    default:
      say({
        type: "response",
        ...ids,
        status: "error",
        error: { type: "PluginError", message: "Unknown mode" },
      });
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line) as Call;
  if (message.type === "heartbeat") say({ type: "heartbeat_ack" });
  else if (message.type === "backwards_response") onAnswer(line);
  else {
    await waiting.shift();
    waiting.push(answer(message, line));
  }
}
