import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readCall, TENANT } from "../support/daemon-api.ts";
import { until } from "../support/processes.ts";
import { type SdkDaemon, startSdkDaemon } from "../support/sdk-daemon.ts";
import {
  type SdkFunctions,
  startSdkFunctions,
  startStandInConnector,
} from "../support/stand-in-connector.ts";
import { type Asked, frameOf, openCall, standInPlatform, unary } from "./backwards-support.ts";

/*
 * Every call that the published SDK can make, through the daemon to a platform that answers as Dify does: as a process
 * and as a function, of one package in one daemon.
 */

/** A package index that is slow, on a busy machine. */
const INSTALL_LIMIT_MS = 240_000;
const PLUGIN = "tests/sdk-calls";

const USAGE = {
  prompt_tokens: 8,
  prompt_unit_price: "0.0010",
  prompt_price_unit: 0.001,
  prompt_price: "0.000008",
  completion_tokens: 2,
  completion_unit_price: "0.002",
  completion_price_unit: "0.001",
  completion_price: "0.000004",
  total_tokens: 10,
  total_price: "0.000012",
  currency: "USD",
  latency: 0.5,
};
const VECTOR_USAGE = {
  tokens: 2,
  total_tokens: 2,
  unit_price: "0.10",
  price_unit: "0.001",
  total_price: 0,
  currency: "USD",
  latency: 0.25,
};
const chunk = (index: number, content: string, more: object = {}, end: object = {}) => ({
  model: "m-1",
  prompt_messages: [],
  system_fingerprint: null,
  delta: {
    index,
    message: { role: "assistant", content, name: null, tool_calls: [] },
    usage: null,
    finish_reason: null,
    ...end,
  },
  ...more,
});
const END = { usage: USAGE, finish_reason: "stop" };

function stream([first, ...rest]: readonly unknown[]): Response {
  return new Response(
    new ReadableStream({
      async start(controller) {
        controller.enqueue(frameOf(first));
        await held;
        for (const item of rest) controller.enqueue(frameOf(item));
        controller.close();
      },
    }),
  );
}

/** As Dify answers (contract/backwards-invocation 2.7). */
function answer({ path, body }: Asked): Response {
  switch (path) {
    case "invoke/llm":
      return stream(
        body["stream"] === true
          ? [chunk(0, "Hel"), chunk(1, "lo é\u2028😀"), chunk(2, "", {}, END)]
          : [chunk(0, "whole", {}, END)],
      );
    case "invoke/llm/structured-output":
      return stream([chunk(0, '{"a":'), chunk(1, "1}", { structured_output: { a: 1 } }, END)]);
    case "invoke/text-embedding":
    case "invoke/multimodal-embedding":
      return unary({ model: "m-1", embeddings: [[0.1, -2]], usage: VECTOR_USAGE });
    case "invoke/rerank":
    case "invoke/multimodal-rerank":
      return unary({ model: "m-1", docs: [{ index: 1, text: "b", score: 0.93 }] });
    case "invoke/tts":
      return stream([{ result: "00ff" }, { result: "ABCD" }]);
    case "invoke/speech2text":
      return unary({ result: "heard" });
    case "invoke/moderation":
      return unary({ result: true });
    case "invoke/summary":
      return unary({ summary: "short" });
    case "invoke/tool":
      return stream([
        { type: "text", message: { text: "12:00 é" }, meta: null },
        { type: "json", message: { json_object: { n: 1 } }, meta: null },
      ]);
    case "invoke/app":
      return stream(
        body["response_mode"] === "blocking"
          ? [{ event: "message", answer: "Hi" }]
          : [{ event: "message", answer: "Hi" }, { event: "message_end" }],
      );
    case "invoke/parameter-extractor":
      return unary({ inputs: {}, outputs: { city: "Rome" }, process_data: {} });
    case "invoke/question-classifier":
      return unary({ inputs: {}, outputs: { class_name: "a" }, process_data: {} });
    case "fetch/app/info":
      return unary({ data: { opening_statement: "hello" } });
    case "upload/file/request":
      return unary({ url: uploads.url.href });
  }
  return new Response(null, { status: 404 });
}

const platform = standInPlatform(answer);
/** Where files go: to the platform, but not through its inner API. */
const uploads = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    const file = (await request.formData()).get("file");
    if (!(file instanceof File)) return new Response(null, { status: 400 });
    const text = Buffer.from(await file.arrayBuffer()).toString("hex");
    return Response.json(
      { id: text, name: file.name, size: file.size, extension: ".txt", mime_type: file.type },
      { status: 201 },
    );
  },
});
const connector = startStandInConnector({ launch: (launched) => functions.launch(launched) });
let functions: SdkFunctions;
let daemon: SdkDaemon;
const RUNTIMES = [
  ["local", TENANT],
  ["serverless", "tenant-of-functions"],
] as const;
/** What the platform waits for before the second frame of a stream. */
let held = Promise.resolve();

beforeAll(async () => {
  daemon = await startSdkDaemon({ env: { ...platform.env, ...connector.env } });
  const { identifier } = await daemon.add("calls-back");
  functions = await startSdkFunctions(daemon.dataDir);
  const [, [runtime, tenant]] = RUNTIMES;
  const taskId = await daemon.api.startInstallAs(identifier, { runtime, tenant });
  await until(
    "it is installed as a function, too",
    async () => {
      const { status, plugins } = await daemon.api.task(taskId, tenant);
      if (status === "failed") throw new Error(plugins[0]?.message);
      return status === "success";
    },
    { withinMs: INSTALL_LIMIT_MS, everyMs: 200 },
  );
}, INSTALL_LIMIT_MS);

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await functions[Symbol.asyncDispose]();
  await connector[Symbol.asyncDispose]();
  await uploads.stop(true);
  platform[Symbol.dispose]();
});

function open(parameters: object, tenant: string): Promise<Response> {
  const data = { provider: "sdk", tool: "calls", credentials: {}, tool_parameters: parameters };
  return openCall(daemon, { pluginId: PLUGIN, data, tenant });
}

/** What the SDK made of it, and what the platform was asked. */
async function call(
  what: string,
  tenant: string,
): Promise<{ readonly result: unknown; readonly asked: Asked | undefined }> {
  const before = platform.asked.length;
  const { items, failure } = await readCall(await open({ what }, tenant));
  expect(failure).toBeUndefined();
  const [item] = items as { message: { json_object: { result: unknown } } }[];
  return { result: item?.message.json_object.result, asked: platform.asked[before] };
}

const delta = (content: string) => ({ delta: { message: { role: "assistant", content, tool_calls: [] } } });
const SPENT = { total_tokens: 10, prompt_unit_price: "0.001", total_price: "0.000012" };
const TOOL_MESSAGES = [
  { type: "text", message: { text: "12:00 é" } },
  { type: "json", message: { json_object: { n: 1 } } },
];

const CASES: readonly (readonly [string, string, unknown, object])[] = [
  [
    "llm",
    "invoke/llm",
    [delta("Hel"), delta("lo é\u2028😀"), { delta: { usage: SPENT, finish_reason: "stop" } }],
    { type: "llm", mode: "chat", stream: true, stop: ["x"], tools: [{ name: "f", description: "d" }] },
  ],
  [
    "llm-blocking",
    "invoke/llm",
    { message: { content: "whole" }, usage: { total_tokens: 10 } },
    { stream: false, tools: null, stop: null },
  ],
  [
    "llm-structured",
    "invoke/llm/structured-output",
    [delta('{"a":'), { ...delta("1}"), structured_output: { a: 1 } }],
    { type: "llm_structured_output", structured_output_schema: { type: "object" } },
  ],
  [
    "llm-structured-blocking",
    "invoke/llm/structured-output",
    { message: { content: '{"a":1}' }, structured_output: { a: 1 } },
    { type: "llm_structured_output", stream: false },
  ],
  ["summary", "invoke/summary", "short", { type: "system_summary", instruction: "short please" }],
  [
    "embedding",
    "invoke/text-embedding",
    { embeddings: [[0.1, -2]], usage: { unit_price: "0.1", total_price: "0" } },
    { type: "text_embedding", texts: ["a"], input_type: "query" },
  ],
  [
    "multimodal-embedding",
    "invoke/multimodal-embedding",
    { embeddings: [[0.1, -2]] },
    { type: "multimodal_embedding", documents: [{ content: "AA==", content_type: "image" }] },
  ],
  [
    "rerank",
    "invoke/rerank",
    { docs: [{ index: 1, text: "b", score: 0.93 }] },
    { type: "rerank", query: "q", docs: ["a", "b"], score_threshold: 0.25, top_n: 2 },
  ],
  [
    "multimodal-rerank",
    "invoke/multimodal-rerank",
    { docs: [{ index: 1 }] },
    {
      type: "multimodal_rerank",
      query: { content: "q", content_type: "text" },
      score_threshold: 0,
      top_n: 0,
    },
  ],
  ["tts", "invoke/tts", ["00ff", "abcd"], { type: "tts", content_text: "hello", voice: "anna" }],
  ["speech2text", "invoke/speech2text", "heard", { type: "speech2text", file: "00ff" }],
  ["moderation", "invoke/moderation", true, { type: "moderation", text: "text" }],
  [
    "tool",
    "invoke/tool",
    TOOL_MESSAGES,
    { type: "tool", tool_type: "builtin", credential_id: "", tool_parameters: { tz: "UTC" } },
  ],
  ["builtin-tool", "invoke/tool", TOOL_MESSAGES, { tool_type: "builtin", tool_parameters: { n: 1 } }],
  ["api-tool", "invoke/tool", TOOL_MESSAGES, { tool_type: "api", provider: "w", tool: "t" }],
  ["workflow-tool", "invoke/tool", TOOL_MESSAGES, { tool_type: "workflow", provider: "w", tool: "t" }],
  [
    "extract",
    "invoke/parameter-extractor",
    { outputs: { city: "Rome" } },
    { type: "node_parameter_extractor", model: { provider: "p", name: "m" }, query: "weather in Rome" },
  ],
  [
    "classify",
    "invoke/question-classifier",
    { outputs: { class_name: "a" } },
    { type: "node_question_classifier", classes: [{ id: "1", name: "a" }], instruction: "" },
  ],
  [
    "chat",
    "invoke/app",
    [{ event: "message", answer: "Hi" }, { event: "message_end" }],
    { type: "app", app_id: "app", query: "hi", response_mode: "streaming", conversation_id: "c", user: "" },
  ],
  ["chat-blocking", "invoke/app", { event: "message", answer: "Hi" }, { response_mode: "blocking" }],
  [
    "workflow",
    "invoke/app",
    [{ event: "message", answer: "Hi" }, { event: "message_end" }],
    { query: "", conversation_id: "" },
  ],
  [
    "workflow-blocking",
    "invoke/app",
    { event: "message", answer: "Hi" },
    { response_mode: "blocking", query: "" },
  ],
  [
    "completion-streaming",
    "invoke/app",
    [{ event: "message", answer: "Hi" }, { event: "message_end" }],
    { response_mode: "streaming" },
  ],
  ["completion", "invoke/app", { event: "message", answer: "Hi" }, { response_mode: "blocking" }],
  ["fetch-app", "fetch/app/info", { opening_statement: "hello" }, { type: "fetch_app", app_id: "app" }],
  [
    "upload",
    "upload/file/request",
    { id: "00ff", name: "a é.txt", size: 2 },
    { type: "upload_file", filename: "a é.txt", mimetype: "text/plain" },
  ],
];

describe.each(RUNTIMES)("%s:", (_, tenant) => {
  test.each(CASES)("%s through %s", async (what, path, result, body) => {
    const answered = await call(what, tenant);
    expect({ result: answered.result }).toMatchObject({ result });
    expect(answered.asked?.path).toBe(path);
    expect(answered.asked?.body).toMatchObject({ ...body, tenant_id: tenant, user_id: "u1" });
  });

  test("storage, which the daemon keeps itself", async () => {
    const { result, asked } = await call("storage", tenant);
    expect(result).toEqual([false, null, "00ff", true, null, false]);
    expect(asked).toBeUndefined();
  });

  test.each(["llm", "llm-structured", "tts", "tool", "chat", "workflow", "completion-streaming"])(
    "%s is handed over piece by piece, while the platform still answers",
    async (what) => {
      const gate = Promise.withResolvers<void>();
      held = gate.promise;
      const decoder = new TextDecoder();
      let text = "";
      const response = await open({ what, live: true }, tenant);
      for await (const bytes of response.body ?? []) {
        text += decoder.decode(bytes, { stream: true });
        // The platform has sent its first frame only, and goes on now.
        if (text.includes('"piece"')) gate.resolve();
      }
      expect(text.split('"piece"').length - 1).toBeGreaterThan(1);
      expect(text).not.toContain('"code":-');
    },
  );
});
