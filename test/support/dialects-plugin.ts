/**
 * A plugin that speaks any dialect over any pair of streams, for the contract that all of them keep. What it does stands
 * in the request's parameters: `mode` names a key of `MODES`. Run by Bun as a process (`… dialect [port]`: over stdio, or
 * over a connection to the port), or called in the test's own process.
 */
import { connect } from "node:net";

type Values = Readonly<Record<string, unknown>>;

/** One call as the modes see it, in no dialect. */
interface Call {
  readonly parameters: Values;
  item(text: string): void;
  end(): void;
  fail(type: string, message: string, code: string): void;
  /** Says what no dialect knows, in the name of the call. */
  babble(): void;
  /** Asks whether something is stored, and gives what came back: the data, or the message of an error. */
  callBack(answered: (data: unknown) => void): void;
}

interface Dialect {
  /** What it says before anybody asks. */
  readonly hello: string;
  /** Reads one line; answers what is to be written at once. */
  read(message: Values, run: (call: Call) => void): void;
}

export type DialectName = "sdk" | "plain";

let cancelled = 0;

const MODES: Readonly<Record<string, (call: Call) => void>> = {
  one(call) {
    call.item("one");
    call.end();
  },
  many(call) {
    for (let at = 0; at < Number(call.parameters["n"]); at++) call.item(String(at));
    call.end();
  },
  fail(call) {
    call.fail("RateLimitError", "slow down", "RATE");
  },
  /** Begins, and never ends. */
  hang(call) {
    call.item("begun");
  },
  /** How many calls it was told that nobody waits for. */
  cancelled(call) {
    call.item(String(cancelled));
    call.end();
  },
  back(call) {
    call.callBack((data) => {
      call.item(JSON.stringify(data));
      call.end();
    });
  },
  large(call) {
    call.item("x".repeat(Number(call.parameters["n"])));
  },
  /** `n` items of `size` characters, numbered at their beginning. */
  flood(call) {
    for (let at = 0; at < Number(call.parameters["n"]); at++)
      call.item(`${at} `.padEnd(Number(call.parameters["size"]), "x"));
    call.end();
  },
  babble(call) {
    call.babble();
  },
  /** Ends, and goes on as if it had not. */
  late(call) {
    call.item("in time");
    call.end();
    call.item("late");
    call.end();
    call.fail("LateError", "after the end", "LATE");
  },
};

function run(call: Call): void {
  MODES[String(call.parameters["mode"])]?.(call);
}

/** Feeds it the daemon's lines; it writes its own. */
export function startDialectsPlugin(
  name: DialectName,
  write: (text: string) => void,
): (line: string) => void {
  const send = (message: unknown) => write(`${JSON.stringify(message)}\n`);
  const dialect = name === "sdk" ? speakSdk(send) : speakPlain(send);
  if (dialect.hello !== "") write(dialect.hello);
  return (line) => {
    const message: Values = JSON.parse(line);
    dialect.read(message, run);
  };
}

function speakSdk(send: (message: unknown) => void): Dialect {
  const waiting = new Map<string, (data: unknown) => void>();
  return {
    hello: '{"name":"dialects"}\n{"event":"heartbeat","session_id":null,"data":{}}\n',
    read(message, start) {
      const { session_id, event, data } = message as Values & { readonly data: Values };
      if (event === "backwards_response") {
        const answered = waiting.get(String(data["backwards_request_id"]));
        if (data["event"] === "response") answered?.(data["data"]);
        if (data["event"] === "error") answered?.(data["message"]);
        return;
      }
      const say = (type: string, content: unknown) =>
        send({ event: "session", session_id, data: { type, data: content } });
      start({
        parameters: data["tool_parameters"] as Values,
        item: (text) => say("stream", { type: "text", message: { text }, meta: null }),
        end: () => say("end", {}),
        fail(error_type, text, code) {
          say("error", { error_type, message: text, args: { code } });
          say("end", {});
        },
        babble: () => say("babble", {}),
        callBack(answered) {
          waiting.set("b1", answered);
          say("invoke", { type: "storage", backwards_request_id: "b1", request: { opt: "exist", key: "k" } });
        },
      });
    },
  };
}

function speakPlain(send: (message: unknown) => void): Dialect {
  const waiting = new Map<string, (data: unknown) => void>();
  return {
    hello: "",
    read(message, start) {
      const { type, session_id, request_id, data } = message as Values & { readonly data: Values };
      if (type === "heartbeat") send({ type: "heartbeat_ack" });
      if (type === "cancel") cancelled++;
      if (type === "backwards_response") {
        const error = message["error"] as Values | undefined;
        waiting.get(String(request_id))?.(error ? error["message"] : data);
      }
      if (type !== "invoke") return;
      let begun = false;
      start({
        parameters: data["parameters"] as Values,
        item(content) {
          if (!begun) send({ type: "stream_start", session_id, request_id });
          begun = true;
          send({ type: "stream_chunk", request_id, data: { content } });
        },
        end: () => send({ type: "stream_end", request_id, data: {} }),
        fail: (kind, text, code) =>
          send({ type: "response", request_id, status: "error", error: { type: kind, message: text, code } }),
        babble: () => send({ type: "babble", request_id }),
        callBack(answered) {
          waiting.set("b1", answered);
          send({
            type: "backwards",
            session_id,
            request_id: "b1",
            action: "storage.exist",
            data: { key: "k" },
          });
        },
      });
    },
  };
}

function feedLines(feed: (line: string) => void): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder();
  let rest = "";
  return (chunk) => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") feed(line);
  };
}

if (import.meta.main) {
  const [name, port] = process.argv.slice(2);
  const dialect = name === "sdk" ? "sdk" : "plain";
  if (port === undefined) {
    const feed = feedLines(startDialectsPlugin(dialect, (text) => process.stdout.write(text)));
    for await (const chunk of Bun.stdin.stream()) feed(chunk);
  } else {
    const socket = connect(Number(port), "127.0.0.1");
    const feed = feedLines(startDialectsPlugin(dialect, (text) => socket.write(text)));
    socket.on("data", feed);
  }
}
