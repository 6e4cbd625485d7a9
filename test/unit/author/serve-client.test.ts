import { expect, test } from "bun:test";
import { DaemonError } from "../../../src/protocol/daemon-error.ts";
import type { Invocation, InvocationEnd, Taken } from "../../../src/protocol/invocation.ts";
import { serveClient } from "../../../src/service/author/run/serve-client.ts";
import type { PluginCallRequest } from "../../../src/service/author/run/start-plugin.ts";

interface Served {
  readonly lines: readonly string[];
  readonly calls: readonly PluginCallRequest[];
}

interface Setting {
  readonly format?: "text" | "json";
  readonly answer?: (request: PluginCallRequest) => Invocation;
  readonly write?: (text: string) => Promise<void>;
  readonly signal?: AbortSignal;
}

/** A call that answers these items, then ends so. */
function answering(items: readonly string[], end: InvocationEnd = { kind: "completed" }): Invocation {
  let taken = false;
  const invocation: Invocation = {
    sessionId: "s",
    take(): Promise<Taken> {
      if (taken) return Promise.resolve({ items: [], end });
      taken = true;
      return Promise.resolve({ items });
    },
    cancel: () => undefined,
    ended: Promise.resolve(end),
    delivered: { items: items.length, bytes: 0 },
  };
  return invocation;
}

async function* typed(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function serve(input: string | AsyncIterable<Uint8Array>, setting: Setting = {}): Promise<Served> {
  const written: string[] = [];
  const calls: PluginCallRequest[] = [];
  await serveClient(
    {
      input: typeof input === "string" ? typed(input) : input,
      write: setting.write ?? (async (text) => void written.push(text)),
    },
    {
      plugin: {
        async call(request) {
          calls.push(request);
          return (setting.answer ?? (() => answering(['{"a":1}'])))(request);
        },
      },
      format: setting.format ?? "json",
      signal: setting.signal ?? new AbortController().signal,
    },
  );
  return { lines: written.join("").split("\n").slice(0, -1), calls };
}

const READY = '{"invoke_id":"","type":"plugin_ready","response":{"info":"plugin loaded"}}';
const RECEIVED = '{"invoke_id":"","type":"info","response":{"info":"received request"}}';
const END = '{"invoke_id":"x","type":"plugin_invoke_end","response":{"info":"plugin invoke end"}}';
const REQUEST = '{"invoke_id":"x","type":"tool","action":"invoke_tool","request":{"tool":"t"}}\n';

test("serveClient() says that the plugin is ready, answers a request, and ends with the input", async () => {
  const { lines, calls } = await serve(REQUEST);
  expect(lines).toEqual([
    READY,
    RECEIVED,
    '{"invoke_id":"x","type":"plugin_response","response":{"a":1}}',
    END,
  ]);
  expect(calls).toMatchObject([{ type: "tool", action: "invoke_tool", fields: { tool: "t" } }]);
});

test("serveClient() in text mode writes maps as the reference prints them, with an empty line after each", async () => {
  const answer = () => answering(['{"b":[1,"x",null],"a":{"c":true}}']);
  const { lines } = await serve(REQUEST, { format: "text", answer });
  expect(lines).toContain("[plugin_response] map[a:map[c:true] b:[1 x <nil>]]");
  expect(lines[0]).toBe("[plugin_ready] map[info:plugin loaded]");
  expect(lines[1]).toBe("");
});

test("serveClient() passes on the plugin's own text, and what the client sent, without losing a digit", async () => {
  const answer = () => answering(['{"n":9007199254740993}']);
  const { lines, calls } = await serve(REQUEST.replace('"t"', "9007199254740993"), { answer });
  expect(lines[2]).toContain('{"n":9007199254740993}');
  expect(JSON.stringify(calls[0]?.fields)).toBe('{"tool":9007199254740993}');
});

test("serveClient() reports an error of the plugin as JSON text, and ends the call", async () => {
  const error = { error_type: "ValueError", message: "no", args: { traceback: "…" } };
  const { lines } = await serve(REQUEST, { answer: () => answering([], { kind: "plugin_error", error }) });
  const [, , failed = "", end] = lines;
  expect(JSON.parse(failed)).toEqual({
    invoke_id: "x",
    type: "error",
    response: { error: '{"args":{"traceback":"…"},"error_type":"ValueError","message":"no"}' },
  });
  expect(end).toBe(END);
});

test("serveClient() ends a call whose call back was none with that error", async () => {
  const failure = { error_type: "invoke_dify_error", message: "invoke dify failed: x", args: {} };
  const answer = () => answering([], { kind: "plugin_error", error: failure });
  const { lines } = await serve(REQUEST, { answer });
  expect(lines[2]).toContain("invoke_dify_error");
  expect(lines[3]).toBe(END);
});

test("serveClient() reports a call that never began, without an end", async () => {
  const answer = () => {
    throw new DaemonError("unavailable", "no node");
  };
  const { lines } = await serve(REQUEST, { answer });
  expect(lines.slice(2)).toEqual(['{"invoke_id":"x","type":"error","response":{"error":"no node"}}']);
});

test.each([
  ['{"invoke_id":"x"}', "action and type are required"],
  ['{"invoke_id":"x","type":"tool","action":""}', "action and type are required"],
  ['{"invoke_id":"x","type":7}', "invalid request: type is of a wrong type"],
  [
    '{"invoke_id":"x","type":"tool","action":"a","request":[]}',
    "invalid request: request is of a wrong type",
  ],
])("serveClient() refuses %s", async (line, problem) => {
  const { lines, calls } = await serve(`${line}\n`);
  expect(lines.slice(1)).toEqual([
    RECEIVED,
    `{"invoke_id":"x","type":"error","response":{"error":"${problem}"}}`,
  ]);
  expect(calls).toEqual([]);
});

test("serveClient() refuses what is no JSON and goes on with the next line", async () => {
  const { lines } = await serve(`nonsense\n\n[1]\n${REQUEST}`);
  expect(lines.filter((line) => line.includes('"type":"error"'))).toHaveLength(2);
  expect(lines.at(-1)).toBe(END);
});

test("serveClient() refuses a line above the limit, keeps nothing of it, and goes on", async () => {
  const piece = Buffer.alloc(1024 * 1024, "x");
  async function* input() {
    for (let at = 0; at < 16; at++) yield piece;
    yield Buffer.from(`\n${REQUEST}`);
  }
  const { lines } = await serve(input());
  expect(lines[1]).toContain("its line has 16777216 bytes, more than 15728640");
  expect(lines.at(-1)).toBe(END);
});

test("serveClient() answers requests side by side", async () => {
  const first = Promise.withResolvers<Taken>();
  const held = { ...answering([]), take: () => first.promise };
  const written: string[] = [];
  let calls = 0;
  await serve(REQUEST + REQUEST.replace('"x"', '"y"'), {
    answer: () => (++calls === 1 ? held : answering(['{"b":2}'])),
    async write(text) {
      written.push(text);
      // The second is through while the first still waits; only then may the first go on.
      if (text.includes('"invoke_id":"y","type":"plugin_invoke_end"'))
        first.resolve({ items: [], end: { kind: "completed" } });
    },
  });
  expect(written.at(-1)).toBe(`${END}\n`);
});

test("serveClient() gives up the calls of a client that is gone, and says why", async () => {
  let cancelled = 0;
  const open = answering(['{"a":1}']);
  const answer = () => ({ ...open, cancel: () => void cancelled++ });
  const never = new Promise<never>(() => undefined);
  async function* input() {
    yield Buffer.from(REQUEST);
    await never;
  }
  const served = serve(input(), {
    answer,
    write: async (text) => {
      if (text.includes("plugin_response")) throw new Error("nobody reads it");
    },
  });
  await expect(served).rejects.toThrow("nobody reads it");
  expect(cancelled).toBeGreaterThan(0);
});

test("serveClient() ends when it is told, with calls still open", async () => {
  const stop = new AbortController();
  const ended = Promise.withResolvers<Taken>();
  const open = answering([]);
  const invocation: Invocation = {
    ...open,
    take: () => ended.promise,
    cancel: () => ended.resolve({ items: [], end: { kind: "cancelled" } }),
  };
  async function* input() {
    yield Buffer.from(REQUEST);
    stop.abort();
    await new Promise<never>(() => undefined);
  }
  const { lines } = await serve(input(), { answer: () => ({ ...open, invocation }), signal: stop.signal });
  expect(lines.at(-1)).toBe(END);
});
