/**
 * A plugin that speaks the SDK's dialect on its standard streams (contract/plugin-wire 1.3, 1.4) and misbehaves on
 * request. It imports nothing of the project, because its text also becomes `main.ts` of a package
 * (`fake-plugin-package.ts`). Run by Bun.
 *
 * What it does at start stands in `fake-plugin.json` beside it, in `FAKE_PLUGIN` of the environment, or in its first
 * argument, each a JSON object of `StartKnobs`; the later ones win. What it does with a request stands in the
 * request's `tool_parameters` (or `model_parameters`, `parameters`, `settings`): `mode` names a key of `MODES`.
 */
import { readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

export interface StartKnobs {
  /** Wait before the first output. */
  readonly slowStartMs?: number;
  /** Text on stderr at start. */
  readonly stderr?: string;
  /** Exit with this code at once, after `stderr`. */
  readonly exitCode?: number;
  /** False: never give a sign of life. */
  readonly heartbeat?: boolean;
  readonly heartbeatIntervalMs?: number;
  readonly ignoreSigterm?: boolean;
  /** Stay when stdin ends, as the SDK does. */
  readonly ignoreEof?: boolean;
  /** Kill itself as soon as this many requests have arrived, the last one unanswered. */
  readonly dieAfterRequests?: number;
}

type Values = Readonly<Record<string, unknown>>;

interface Call {
  readonly sessionId: string;
  readonly data: Values;
  readonly parameters: Values;
  number(name: string, fallback: number): number;
  text(name: string, fallback: string): string;
  item(value: unknown): void;
  message(text: string): void;
  error(): void;
  end(): void;
}

/** What can be asked for with `mode`; each says by itself whether the session ends. */
const MODES: Readonly<Record<string, (call: Call) => unknown>> = {
  /** One text message with `text`, or with the parameters as JSON. */
  echo(call) {
    call.message(call.text("text", JSON.stringify(call.parameters)));
    call.end();
  },

  /** The whole request back, as it arrived. */
  request(call) {
    call.item({ type: "json", message: { json_object: call.data }, meta: null });
    call.end();
  },

  /** `item`, any JSON, `n` times: for actions that are no tool. */
  async raw(call) {
    for (let left = call.number("n", 1); left > 0; left -= 1) {
      call.item(call.parameters["item"]);
      await pause(call);
    }
    call.end();
  },

  /** Items of any shape, one after the other: `script` lists `{item}`, `{wait}` in ms, `{exit}`. Ends unless told `hang`. */
  async script(call) {
    const script = call.parameters["script"];
    for (const step of Array.isArray(script) ? script : []) {
      if ("item" in step) call.item(step.item);
      if ("wait" in step) await Bun.sleep(Number(step.wait));
      if ("exit" in step) process.exit(Number(step.exit));
    }
    if (call.parameters["fail"] === true) call.error();
    if (call.parameters["hang"] !== true) call.end();
  },

  /** The message of an endpoint's request, whole, as the body of the answer, in pieces of `size` bytes. */
  webhook(call) {
    const hex = String(call.data["raw_http_request"]);
    call.item({ status: 200, headers: { "Content-Type": "application/octet-stream" } });
    const step = 2 * call.number("size", hex.length);
    for (let at = 0; at < hex.length; at += step) call.item({ result: hex.slice(at, at + step) });
    call.end();
  },

  /** The settings of an endpoint as the body of its answer. */
  settings(call) {
    call.item({ status: 200, result: Buffer.from(JSON.stringify(call.data["settings"])).toString("hex") });
    call.end();
  },

  /** Pieces of a body without a pause: `n` of `size` bytes. */
  async "webhook-flood"(call) {
    const result = "61".repeat(call.number("size", 1024));
    for (let left = call.number("n", Number.MAX_SAFE_INTEGER); left > 0; left -= 1) {
      call.item({ result });
      if (left % 64 === 0) await Bun.sleep(0);
    }
    call.end();
  },

  /** `n` messages of `size` characters, `delay_ms` apart. */
  async items(call) {
    const text = "x".repeat(call.number("size", 32));
    for (let left = call.number("n", 1); left > 0; left -= 1) {
      call.message(text);
      await pause(call);
    }
    call.end();
  },

  /** Messages without a pause, for as long as somebody reads (or `n` of them). */
  async flood(call) {
    const text = "x".repeat(call.number("size", 1024));
    for (let left = call.number("n", Number.MAX_SAFE_INTEGER); left > 0; left -= 1) {
      call.message(text);
      if (left % 64 === 0) await Bun.sleep(0);
    }
    call.end();
  },

  garbage(call) {
    print('hello\n{"event":\n[1,2]\n"text"\n\u0000\u0001\n{"no":"event"}\n{"event":"weird"}\n');
    call.message("after garbage");
    call.end();
  },

  "invalid-utf8"(call) {
    writeAll(Uint8Array.of(0xff, 0xfe, 0xc3, 0x28, 0x0a));
    const line = new TextEncoder().encode(session(call.sessionId, "stream", textMessage("a?b")));
    line[line.indexOf(0x3f)] = 0xff;
    writeAll(line);
    call.end();
  },

  /** One message in a line of at least `bytes` bytes. */
  bigline(call) {
    call.message("x".repeat(call.number("bytes", 40 * 1024 * 1024)));
    call.end();
  },

  /** A line of `bytes` bytes that is no message. */
  "big-garbage"(call) {
    print(`${"x".repeat(call.number("bytes", 40 * 1024 * 1024))}\n`);
    call.message("after garbage");
    call.end();
  },

  "half-line-and-die"(call) {
    const line = session(call.sessionId, "stream", textMessage("never complete"));
    print(line.slice(0, Math.floor(line.length / 2)));
    process.exit(1);
  },

  "silent-exit"() {
    process.exit(0);
  },

  "exit-code"(call) {
    print(call.text("stderr", ""), 2);
    process.exit(call.number("code", 3));
  },

  /** An error and nothing behind it. */
  error(call) {
    call.error();
  },

  "error-then-end"(call) {
    call.error();
    call.end();
  },

  "item-then-error"(call) {
    call.message("before the error");
    call.error();
    call.end();
  },

  "end-only"(call) {
    call.end();
  },

  /** A session message of the given `type`. */
  "session-type"(call) {
    print(session(call.sessionId, call.text("type", "weird"), {}));
  },

  stderr(call) {
    print(call.text("text", "a line on stderr\n"), 2);
    call.end();
  },

  "flood-stderr"(call) {
    const line = `${"e".repeat(1023)}\n`;
    for (let left = call.number("n", 1000); left > 0; left -= 1) print(line, 2);
    call.end();
  },

  log(call) {
    print(
      `${JSON.stringify({
        event: "log",
        data: {
          level: call.text("level", "INFO"),
          message: call.text("text", "a log line"),
          timestamp: Date.now() / 1000,
        },
      })}\n`,
    );
    call.end();
  },

  /** Nothing, ever. */
  hang() {},

  /** The thread is busy for `ms`: no heartbeat either. */
  block(call) {
    Bun.sleepSync(call.number("ms", 1000));
    call.end();
  },

  /**
   * A grandchild that ignores SIGTERM and holds stdout for `seconds`; its pid is the item. With `exit` this process
   * leaves; with `escape` the grandchild makes a session of its own.
   */
  async "fork-grandchild-holding-stdout"(call) {
    const child = Bun.spawn({
      cmd: ["sh", "-c", `trap '' TERM; echo ready >&2; exec sleep ${call.number("seconds", 60)}`],
      stdio: ["ignore", "inherit", "pipe"],
      detached: call.parameters["escape"] === true,
    });
    await child.stderr.getReader().read();
    call.item({ type: "json", message: { json_object: { pid: child.pid } }, meta: null });
    call.end();
    if (call.parameters["exit"] === true) process.exit(call.number("code", 0));
    child.unref();
  },

  /** Takes `bytes` of memory in steps of `step` and keeps them. */
  async alloc(call) {
    const step = call.number("step", 16 * 1024 * 1024);
    for (let left = call.number("bytes", 64 * 1024 * 1024); left > 0; left -= step) {
      kept.push(Buffer.alloc(Math.min(step, left), 1));
      await pause(call);
    }
    call.message(`kept ${kept.reduce((sum, one) => sum + one.length, 0)}`);
    call.end();
  },

  /** Characters at which a careless reader splits lines, raw inside a JSON string. */
  u2028(call) {
    call.message("a\u2028b\u2029c\u0085d");
    call.end();
  },

  /** Two messages in one write. */
  "two-items"(call) {
    print(
      session(call.sessionId, "stream", textMessage("one")) +
        session(call.sessionId, "stream", textMessage("two")),
    );
    call.end();
  },

  /** `{…}{…}` on one line. */
  glued(call) {
    const one = session(call.sessionId, "stream", textMessage("one")).trimEnd();
    print(one + session(call.sessionId, "stream", textMessage("two")));
    call.end();
  },

  /** A `print(…, end="")` of the plugin in front of a message. */
  "print-without-newline"(call) {
    print("debug: ");
    call.message("after a print");
    call.end();
  },

  "carriage-return"(call) {
    print(session(call.sessionId, "stream", textMessage("crlf")).replace("\n\n", "\r\n"));
    call.end();
  },

  /** A call back of the given `type` with `request`; each answer becomes an item, until its `end` or `error`. */
  async invoke(call) {
    const id = crypto.randomUUID();
    const answers = Promise.withResolvers<void>();
    waiting.set(id, (answer) => {
      call.item({ type: "json", message: { json_object: answer }, meta: null });
      if (answer["event"] === "end" || answer["event"] === "error") answers.resolve();
    });
    print(
      session(call.sessionId, "invoke", {
        type: call.text("type", "storage"),
        backwards_request_id: id,
        request: call.parameters["request"] ?? { opt: "get", key: "k" },
      }),
    );
    await answers.promise;
    waiting.delete(id);
    call.end();
  },

  /** Facts about the process itself, for tests of how it was started. */
  facts(call) {
    const { pid, ppid, env, argv } = process;
    call.item({
      type: "json",
      message: { json_object: { pid, ppid, env, argv, cwd: process.cwd() } },
      meta: null,
    });
    call.end();
  },
};

/** Memory that `alloc` keeps. */
const kept: Buffer[] = [];
/** Who waits for answers of the platform, by the id of the request. */
const waiting = new Map<string, (answer: Values) => void>();
let requests = 0;

function isValues(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Writes everything before it returns, as Python's print does. */
function writeAll(bytes: Uint8Array, fd = 1): void {
  for (let at = 0; at < bytes.length;)
    try {
      at += writeSync(fd, bytes, at);
    } catch (cause) {
      const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
      if (code !== "EAGAIN") process.exit(1); // nobody reads any more
      Bun.sleepSync(1);
    }
}

function print(text: string, fd = 1): void {
  writeAll(new TextEncoder().encode(text), fd);
}

function textMessage(text: string): Values {
  return { type: "text", message: { text }, meta: null };
}

function session(sessionId: string, type: string, data: unknown): string {
  return `${JSON.stringify({ event: "session", session_id: sessionId, data: { type, data } })}\n\n`;
}

async function pause(call: Call): Promise<void> {
  const ms = call.number("delay_ms", 0);
  if (ms > 0) await Bun.sleep(ms);
}

function readKnobs(): StartKnobs {
  const texts = [Bun.env["FAKE_PLUGIN"], process.argv[2]];
  try {
    texts.unshift(readFileSync(join(import.meta.dir, "fake-plugin.json"), "utf8"));
  } catch {
    // Run directly, not as a package.
  }
  return Object.assign({}, ...texts.map((text) => (text ? JSON.parse(text) : {})));
}

function serve(line: string): void {
  let incoming: unknown;
  try {
    incoming = JSON.parse(line);
  } catch (cause) {
    print(`${JSON.stringify({ event: "error", session_id: null, data: { error: String(cause) } })}\n\n`);
    return;
  }
  if (!isValues(incoming) || !isValues(incoming["data"])) return;
  const data = incoming["data"];
  if (incoming["event"] === "backwards_response") {
    waiting.get(String(data["backwards_request_id"]))?.(data);
    return;
  }
  requests += 1;
  if (requests === knobs.dieAfterRequests) process.kill(process.pid, "SIGKILL");
  const call = makeCall(String(incoming["session_id"]), data);
  const mode = MODES[call.text("mode", "echo")];
  if (mode === undefined) call.end();
  else void mode(call);
}

function makeCall(sessionId: string, data: Values): Call {
  const given = data["tool_parameters"] ?? data["model_parameters"] ?? data["parameters"] ?? data["settings"];
  const parameters = isValues(given) ? given : {};
  const put = (type: string, value: unknown) => print(session(sessionId, type, value));
  const text = (name: string, fallback: string) => {
    const value = parameters[name];
    return typeof value === "string" ? value : fallback;
  };
  return {
    sessionId,
    data,
    parameters,
    text,
    number(name, fallback) {
      const value = Number(parameters[name] ?? fallback);
      return Number.isFinite(value) ? value : fallback;
    },
    item: (value) => put("stream", value),
    message: (value) => put("stream", textMessage(value)),
    error: () =>
      put("error", {
        error_type: text("error_type", "FakeError"),
        message: text("message", "the fake plugin was asked to fail"),
        args: isValues(parameters["args"]) ? parameters["args"] : {},
      }),
    end: () => put("end", {}),
  };
}

function beat(): void {
  print('{"event":"heartbeat","session_id":null,"data":{}}\n\n');
}

const knobs = readKnobs();
if (knobs.ignoreSigterm === true) process.on("SIGTERM", () => undefined);
if (knobs.slowStartMs !== undefined) await Bun.sleep(knobs.slowStartMs);
if (knobs.stderr !== undefined) print(knobs.stderr, 2);
if (knobs.exitCode !== undefined) process.exit(knobs.exitCode);
print('{"version":"0.0.1","type":"plugin","author":"tests","name":"fake"}\n\n');
print('{"event": "log", "data": {"level": "INFO", "message": "Installed tool: fake", "timestamp": 1.5}}\n');
if (knobs.heartbeat !== false) {
  beat();
  setInterval(beat, knobs.heartbeatIntervalMs ?? 10_000);
}

const decoder = new TextDecoder();
let rest = "";
for await (const chunk of Bun.stdin.stream()) {
  const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) if (line.trim() !== "") serve(line);
}
if (knobs.ignoreEof !== true) process.exit(0);
