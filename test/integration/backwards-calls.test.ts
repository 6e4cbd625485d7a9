import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { openStore } from "../../src/store/open-store.ts";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { OTHER_TENANT, readCall, TENANT } from "../support/daemon-api.ts";
import { until } from "../support/processes.ts";
import {
  type Asked,
  eventsOf,
  framed,
  installCalling,
  openCall,
  silent,
  standInPlatform,
  unary,
} from "./backwards-support.ts";

const LLM = { provider: "p", model: "ok", mode: "chat" };
const MODERATION = { provider: "p", model: "ok", text: "x" };
const END = { event: "end", message: "", data: null };
const error = (message: unknown) => ({ event: "error", message, data: null });
const chunk = (index: number) => ({
  model: "m",
  system_fingerprint: "",
  delta: {
    index,
    message: { role: "assistant", content: "x", name: "", tool_calls: [], tool_call_id: "" },
    usage: null,
    finish_reason: null,
  },
  prompt_messages: [],
});

/** What the platform does, by the model that it is asked for. */
function answer({ path, body }: Asked): Response | Promise<Response> {
  switch (body["model"]) {
    case "hang":
      return new Promise(() => undefined);
    case "silent":
      return silent();
    case "endless":
      return framed([chunk(0)], { endless: true });
    case "unauthorized":
      return Response.json({ code: "unauthorized", message: "who are you" }, { status: 401 });
    case "page":
      return new Response("<html>oops</html>", { status: 500 });
    case "who":
      return new Response("who are you", { status: 401 });
    case "broken":
      return Response.json({ code: "internal", message: "broken" }, { status: 500 });
    case "elsewhere":
      return Response.redirect("http://127.0.0.1:1/");
    case "half":
      return new Response(Buffer.from(new Uint8Array([0x0f, 0, 0x0a, 0, 100, 0, 0, 0])));
    case "lie":
      return new Response(Buffer.from("0f000a00ffffffff000000000000", "hex"));
  }
  return path === "invoke/llm" ? framed([chunk(0), chunk(1)]) : unary({ result: true });
}

const platform = standInPlatform(answer);
let daemon: LocalDaemon;
let plugin: string;
let poor: string;

beforeAll(async () => {
  daemon = await startTestDaemon({
    env: { ...platform.env, DIFY_BACKWARDS_INVOCATION_READ_TIMEOUT: "1000", LOG_LEVEL: "debug" },
  });
  plugin = await installCalling(daemon);
  poor = await installCalling(daemon, { name: "poor", permissions: "" });
}, 30_000);

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  platform[Symbol.dispose]();
});

/** Calls the plugin, which calls back once; answers the events that it got. */
async function ask(type: string, request: object, id = plugin): Promise<unknown[]> {
  const { items, failure } = await daemon.api.call(id, { mode: "call", type, request });
  expect(failure).toBeUndefined();
  return eventsOf(items);
}

function newest(): Asked | undefined {
  return platform.asked.at(-1);
}

describe("a call back", () => {
  test("that streams", async () => {
    expect(await ask("llm", LLM)).toEqual([
      { event: "response", message: "stream", data: chunk(0) },
      { event: "response", message: "stream", data: chunk(1) },
      END,
    ]);
    expect(newest()).toMatchObject({
      path: "invoke/llm",
      body: { ...LLM, tenant_id: TENANT, user_id: "u1", type: "llm" },
    });
  });

  test("that answers once", async () => {
    expect(await ask("moderation", MODERATION)).toEqual([
      { event: "response", message: "struct", data: { result: true } },
      END,
    ]);
  });

  test("carries the trace of the request that it serves", async () => {
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-00`;
    const parameters = { mode: "call", type: "moderation", request: MODERATION };
    await readCall(await openCall(daemon, { pluginId: plugin, parameters, headers: { traceparent } }));
    expect(newest()?.headers.get("traceparent")).toBe(`00-${"a".repeat(32)}-${"b".repeat(16)}-01`);
    await readCall(await openCall(daemon, { pluginId: plugin, parameters, headers: { traceparent: "x" } }));
    expect(newest()?.headers.get("traceparent")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  test("cannot choose its tenant or user", async () => {
    await ask("moderation", { ...MODERATION, tenant_id: OTHER_TENANT, user_id: "other", Tenant_Id: "x" });
    expect(newest()?.body).toEqual({ ...MODERATION, tenant_id: TENANT, user_id: "u1", type: "moderation" });
  });

  test("keeps storage, which the platform is not asked for", async () => {
    const before = platform.asked.length;
    expect(await ask("storage", { opt: "set", key: "k", value: "00ff" })).toEqual([
      { event: "response", message: "struct", data: { data: "ok" } },
      END,
    ]);
    expect(await ask("storage", { opt: "get", key: "k" })).toEqual([
      { event: "response", message: "struct", data: { data: "00ff" } },
      END,
    ]);
    expect(platform.asked).toHaveLength(before);
  });

  test("hundreds at once are all answered, each with one end", async () => {
    const { items } = await daemon.api.call(plugin, { mode: "many", n: 400, type: "llm", request: LLM });
    expect(items).toMatchObject([{ message: { json_object: { response: 800, end: 400 } } }]);
    const moderated = await daemon.api.call(plugin, {
      mode: "many",
      n: 400,
      type: "moderation",
      request: MODERATION,
    });
    expect(moderated.items).toMatchObject([{ message: { json_object: { response: 400, end: 400 } } }]);
  });
});

describe("a call back is refused", () => {
  test.each([
    ["an unknown type", "nonsense", "unsupported invoke type: nonsense"],
    ["encryption", "encrypt", "unsupported invoke type: encrypt"],
  ])("for %s", async (_, type, why) => {
    const before = platform.asked.length;
    expect(await ask(type, {})).toEqual([error(why), END]);
    expect(platform.asked).toHaveLength(before);
  });

  test("without the permission of the manifest", async () => {
    const before = platform.asked.length;
    expect(await ask("llm", LLM, poor)).toEqual([
      error("permission denied, you need to enable llm access in plugin manifest"),
      END,
    ]);
    expect(await ask("storage", { opt: "get", key: "k" }, poor)).toEqual([
      error("permission denied, you need to enable storage access in plugin manifest"),
      END,
    ]);
    expect(platform.asked).toHaveLength(before);
  });

  test("when a field is missing", async () => {
    const [failure, end] = await ask("llm", { provider: "p" });
    expect(failure).toMatchObject({
      message: expect.stringContaining(
        "unmarshal backwards invoke request failed: error validating struct: Key: 'model'",
      ),
    });
    expect(end).toEqual(END);
  });

  test.each([
    [null, "invoke request is empty"],
    ["hello", "unmarshal invoke request failed: it is a string, not an object"],
    [{ type: "llm", request: {} }, "invoke request missing request_id: it is not there"],
  ])("and the session ended, for %j, which is none", async (data, detail) => {
    const { failure } = await daemon.api.call(plugin, { mode: "malformed", data });
    expect(failure).toEqual({
      error_type: "invoke_dify_error",
      message: `invoke dify failed: ${detail}`,
    } as never);
  });

  test("in a call of a model", async () => {
    const response = await openCall(daemon, {
      pluginId: plugin,
      path: "/llm/invoke",
      data: {
        provider: "fake",
        model_type: "llm",
        model: "m",
        credentials: {},
        prompt_messages: [],
        model_parameters: { mode: "call", type: "moderation", request: MODERATION },
      },
    });
    const before = platform.asked.length;
    // The plugin hands on what it got, which is no chunk of a model.
    expect((await readCall(response)).failure?.error_type).toBe("unmarshal_error");
    expect(platform.asked).toHaveLength(before);
  });

  test("above the limit of a line, with its session; the plugin lives on", async () => {
    const before = platform.asked.length;
    const bytes = 100 * 1024 * 1024;
    const { failure } = await daemon.api.call(plugin, {
      mode: "call",
      type: "moderation",
      request: MODERATION,
      bytes,
    });
    expect(failure?.error_type).toBe("PluginMessageTooLargeError");
    expect(platform.asked).toHaveLength(before);
    expect(await ask("moderation", MODERATION)).toHaveLength(2);
  }, 30_000);
});

describe("a platform that fails", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["unauthorized", "moderation", "invoke moderation model failed: data is nil"],
    [
      "unauthorized",
      "llm",
      'invoke llm model failed: request failed with status code: 401 and respond with: {"code":"unauthorized","message":"who are you"}',
    ],
    [
      "page",
      "moderation",
      "invoke moderation model failed: request failed with status code: 500 and respond with: <html>oops</html>",
    ],
    [
      "page",
      "llm",
      "invoke llm model failed: request failed with status code: 500 and respond with: <html>oops</html>",
    ],
    [
      "who",
      "moderation",
      "invoke moderation model failed: request failed with status code: 401 and respond with: who are you",
    ],
    [
      "who",
      "llm",
      "invoke llm model failed: request failed with status code: 401 and respond with: who are you",
    ],
    ["broken", "moderation", "invoke moderation model failed: data is nil"],
    [
      "broken",
      "llm",
      'invoke llm model failed: request failed with status code: 500 and respond with: {"code":"internal","message":"broken"}',
    ],
    [
      "elsewhere",
      "llm",
      'invoke llm model failed: request failed with status code: 302 and respond with: a redirect to "http://127.0.0.1:1/", which is not followed',
    ],
    [
      "elsewhere",
      "moderation",
      'invoke moderation model failed: request failed with status code: 302 and respond with: a redirect to "http://127.0.0.1:1/", which is not followed',
    ],
    [
      "silent",
      "llm",
      "read llm model failed: it took longer than 1000 ms (DIFY_BACKWARDS_INVOCATION_READ_TIMEOUT)",
    ],
    ["half", "llm", "read llm model failed: unexpected EOF\nfailed to read header"],
    ["lie", "llm", "read llm model failed: data length is too long: 4294967295"],
  ];
  test.each(cases)("%s: %s is an error, then an end", async (model, type, message) => {
    expect(await ask(type, { ...LLM, ...MODERATION, model })).toEqual([error(message), END]);
  });

  test("hang: the limit counts before the head, too", async () => {
    const [failure] = await ask("moderation", { ...MODERATION, model: "hang" });
    expect(failure).toMatchObject({
      message: expect.stringContaining('/inner/api/invoke/moderation": it took longer than 1000 ms'),
    });
    await until("the request is gone", () => newest()?.left === true);
  });

  test("its refusals stand in the log, with what it said", () => {
    expect(daemon.log()).toContain("who are you");
  });
});

describe("a call back ends with its session", () => {
  test("when the client leaves", async () => {
    for (const [type, model] of [
      ["moderation", "hang"],
      ["llm", "silent"],
      ["llm", "endless"],
    ] as const) {
      const client = new AbortController();
      const before = platform.asked.length;
      const parameters = { mode: "call", type, request: { ...LLM, ...MODERATION, model } };
      const call = daemon.api.call(plugin, parameters, { signal: client.signal }).catch(() => undefined);
      await until("the platform is asked", () => platform.asked.length > before);
      client.abort();
      await call;
      await until("the request is gone", () => newest()?.left === true, { withinMs: 800 });
    }
  });

  test("when the plugin ends it; nothing is sent to it any more", async () => {
    const early = { ...MODERATION, model: "hang", text: "early" };
    await daemon.api.call(plugin, { mode: "end-early", type: "moderation", request: early });
    const late = { ...MODERATION, text: "late" };
    await daemon.api.call(plugin, { mode: "end-before", type: "moderation", request: late });
    // A call after them, over the same pipes: whatever was on its way has arrived by then.
    await ask("moderation", MODERATION);
    const { items } = await daemon.api.call(plugin, { mode: "stray" });
    expect(eventsOf(items)).toEqual([{ events: [] }]);
    const about = (text: string) => platform.asked.filter(({ body }) => body["text"] === text);
    expect(about("late")).toEqual([]);
    // It may have been over before it went out.
    await until("the request is gone", () => about("early").every(({ left }) => left), { withinMs: 800 });
  });

  test("when the plugin dies", async () => {
    const before = platform.asked.length;
    const { failure } = await daemon.api.call(plugin, {
      mode: "die",
      type: "moderation",
      request: { ...MODERATION, model: "hang" },
    });
    expect(failure?.error_type).toBe("ConnectionClosedError");
    expect(platform.asked).toHaveLength(before + 1);
    await until("the request is gone", () => newest()?.left === true, { withinMs: 800 });
    expect(await ask("moderation", MODERATION)).toHaveLength(2);
  });
});

test("metrics and the record of sessions count calls back", async () => {
  const metrics = await (await daemon.api.request("/metrics/")).text();
  expect(metrics).toContain(
    'plugin_backwards_calls_total{plugin_id="tests/calling",type="llm",outcome="success"}',
  );
  expect(metrics).toContain(
    'plugin_backwards_calls_total{plugin_id="tests/poor",type="llm",outcome="refused"} 1',
  );
  expect(metrics).toContain(
    'plugin_backwards_calls_total{plugin_id="tests/calling",type="unknown",outcome="refused"}',
  );
  expect(metrics).toContain(
    'plugin_backwards_call_duration_seconds_count{type="moderation",outcome="cancelled"}',
  );
  expect(metrics).toMatch(/plugin_backwards_call_bytes_total\{type="llm",direction="request"\} [1-9]/);
  expect(metrics).toMatch(/plugin_backwards_call_bytes_total\{type="llm",direction="response"\} [1-9]/);
  await daemon.close();
  const store = openStore({
    path: join(daemon.dataDir, "plugd.db"),
    synchronous: "normal",
    sessionHistory: 1000,
  });
  const rows = await store.sessions.list({ pluginId: "tests/poor" }, { offset: 0, limit: 10 });
  const many = await store.sessions.list({ pluginId: "tests/calling" }, { offset: 0, limit: 1000 });
  await store.close();
  expect(rows.map(({ callBackTrace }) => callBackTrace)).toEqual(
    ["storage", "llm"].map((type) => [
      {
        type,
        beganMs: expect.any(Number),
        firstByteMs: null,
        endMs: expect.any(Number),
        requestBytes: expect.any(Number),
        responseBytes: 0,
        outcome: "refused",
      },
    ]),
  );
  const hundreds = many.filter(({ callsBack }) => callsBack === 400);
  expect(hundreds).toHaveLength(2);
  for (const { callBackTrace } of hundreds) {
    expect(callBackTrace).toHaveLength(100);
    for (const { beganMs, firstByteMs, endMs, responseBytes, outcome } of callBackTrace) {
      expect(outcome).toBe("success");
      expect(responseBytes).toBeGreaterThan(0);
      expect(beganMs).toBeGreaterThanOrEqual(0);
      expect(firstByteMs ?? -1).toBeGreaterThanOrEqual(beganMs);
      expect(endMs ?? -1).toBeGreaterThanOrEqual(firstByteMs ?? 0);
    }
  }
  expect(rows.map(({ callsBack, failedCallsBack }) => [callsBack, failedCallsBack])).toEqual([
    [1, 1],
    [1, 1],
  ]);
});
