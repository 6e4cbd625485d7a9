import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { CONVERSATION, TOOL } from "../support/prompt.ts";
import { findSdkTools, type SdkDaemon, startSdkDaemon } from "../support/sdk-daemon.ts";

/* Models of the published SDK: what a call gives them, and what arrives of their answers. */

setDefaultTimeout(120_000);

const USAGE = {
  prompt_tokens: 8,
  prompt_unit_price: "2.5",
  prompt_price_unit: "0.000001",
  prompt_price: "0.00002",
  completion_tokens: 2,
  completion_unit_price: "10",
  completion_price_unit: "0.000001",
  completion_price: "0.00002",
  total_tokens: 10,
  total_price: "0.00004",
  currency: "USD",
  latency: 0.5,
};

interface LlmChunk {
  readonly delta: {
    readonly index: number;
    readonly message: { readonly content: string; readonly tool_calls: readonly unknown[] };
    readonly usage: unknown;
    readonly finish_reason: string | null;
  };
}

const tools = await findSdkTools();
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";

describe.skipIf(why !== "")(`a model with the SDK${why}`, () => {
  let daemon: SdkDaemon;
  let pluginId: string;

  beforeAll(async () => {
    daemon = await startSdkDaemon();
    ({ pluginId } = await daemon.add("kitchen-models"));
  });
  afterAll(() => daemon[Symbol.asyncDispose]());

  const base = (model_type: string, model: string) => ({
    provider: "kitchen",
    model_type,
    model,
    credentials: { api_key: "good-1" },
  });
  const ask = (path: string, data: object) => daemon.ask(pluginId, { path, data });
  const llm = (fields: object) =>
    ask("/llm/invoke", {
      ...base("llm", "chef-1"),
      prompt_messages: [{ role: "user", content: "hi" }],
      model_parameters: {},
      stream: true,
      ...fields,
    });
  const contents = (items: readonly unknown[]) =>
    (items as LlmChunk[]).map(({ delta }) => delta.message.content);

  test("streams with its usage at the end, and its opaque body digit by digit", async () => {
    const { items, text } = await llm({});
    const chunks = items as LlmChunk[];
    expect(contents(items)).toEqual(["Hel", "lo ", "wörld \u2028😀", ""]);
    expect(chunks.map(({ delta }) => delta.usage)).toEqual([null, null, null, USAGE]);
    expect(chunks.map(({ delta }) => delta.finish_reason)).toEqual([null, null, null, "stop"]);
    expect(text).toContain('"n":9007199254740993');
  });

  test("answers at once where streaming is off", async () => {
    const { items } = await llm({ stream: false });
    expect(contents(items)).toEqual(["whole answer"]);
    expect((items as LlmChunk[])[0]?.delta.usage).toEqual(USAGE);
  });

  test("answers at once where the call says nothing about streaming", async () => {
    expect(contents((await llm({ stream: undefined })).items)).toEqual(["whole answer"]);
  });

  test("gets every kind of message, parameters, tools, stop words and the user", async () => {
    const { items } = await llm({
      prompt_messages: CONVERSATION,
      model_parameters: { echo: true, temperature: 0.5 },
      tools: [TOOL],
      stop: ["x", "y"],
    });
    expect(contents(items).slice(0, 2)).toEqual([
      "SystemPromptMessage:be kind | UserPromptMessage:text+image+document | AssistantPromptMessage: | ToolPromptMessage:42",
      expect.stringContaining("['f'] ['x', 'y'] u1"),
    ]);
  });

  test("calls tools", async () => {
    const { items } = await llm({ tools: [TOOL, { ...TOOL, name: "g" }] });
    const chunks = items as LlmChunk[];
    const called = (name: string, index: number) => ({
      id: `call_${index}`,
      type: "function",
      function: { name, arguments: '{"a": 9007199254740993}' },
    });
    expect(chunks.at(-2)?.delta.message.tool_calls).toEqual([called("f", 0), called("g", 1)]);
    expect(chunks.at(-1)?.delta.finish_reason).toBe("tool_calls");
  });

  test("takes a JSON schema, and the state of an earlier answer", async () => {
    const { items, failure } = await llm({
      json_schema: { type: "object", properties: { a: { type: "string" } } },
      prompt_messages: [
        { role: "user", content: "a" },
        { role: "assistant", content: "x", tool_calls: [], opaque_body: { s: "sig" } },
        { role: "user", content: "b" },
      ],
      model_parameters: { echo: true },
    });
    expect(failure).toBeUndefined();
    expect(contents(items)[0]).toBe("UserPromptMessage:a | AssistantPromptMessage:x | UserPromptMessage:b");
  });

  test("streams through the SDK's filter of code blocks where response_format asks for JSON", async () => {
    const { failure, items } = await llm({ model_parameters: { response_format: "JSON" } });
    expect(failure).toBeUndefined();
    expect(contents(items).join("")).toBe("Hello wörld \u2028😀");
  });

  test("counts tokens of messages and tools", async () => {
    const { items } = await ask("/llm/num_tokens", {
      ...base("llm", "chef-1"),
      prompt_messages: CONVERSATION,
      tools: [TOOL],
    });
    expect(items).toEqual([{ num_tokens: 41 }]);
  });

  test.each([
    [
      "auth",
      "InvokeAuthorizationError",
      "[models] Incorrect model credentials provided, please check and try again. ",
    ],
    ["rate", "InvokeRateLimitError", "[models] Rate Limit Error, reason é"],
    ["connection", "InvokeConnectionError", "[models] Connection Error, reason é"],
    ["unavailable", "InvokeServerUnavailableError", "[models] Server Unavailable Error, reason é"],
    ["bad", "InvokeBadRequestError", "[models] Bad Request Error, 'reason é'"],
    ["other", "InvokeError", "[models] Error: reason é"],
  ])("fails with its provider's %s error as %s, also with streaming off", async (error, type, message) => {
    for (const stream of [true, false]) {
      const { items, failure } = await llm({ stream, model_parameters: { error } });
      expect(items).toEqual([]);
      expect(failure).toMatchObject({ error_type: type, message, args: { description: message } });
    }
  });

  test("fails in the middle of its answer", async () => {
    const { items, failure } = await llm({ model_parameters: { error: "rate", after: 2 } });
    expect(contents(items)).toEqual(["part 0", "part 1"]);
    expect(failure?.error_type).toBe("BlockingIOError");
  });

  test("embeds for documents otherwise than for queries, with exact prices", async () => {
    const embed = (input_type: string) =>
      ask("/text_embedding/invoke", { ...base("text-embedding", "vec-1"), texts: ["a"], input_type });
    const [document, query] = [await embed("document"), await embed("query")];
    expect(document.items).toMatchObject([{ embeddings: [[1, 0.1, -1e-9, 1 / 3, 1]] }]);
    expect(query.items).toMatchObject([{ embeddings: [[1, 0.1, -1e-9, 1 / 3, 2]] }]);
    expect(query.text).toContain("0.3333333333333333");
    expect(query.items).toMatchObject([{ usage: { unit_price: "0.1", total_price: "0.0001" } }]);
  });

  test("speaks in one piece or several", async () => {
    const speak = (content_text: string, voice: string) =>
      ask("/tts/invoke", { ...base("tts", "voice-1"), content_text, voice, tenant_id: "t" });
    expect((await speak("whole", "bert")).items).toEqual([
      { result: `00ff${Buffer.from("bert").toString("hex")}`, mime_type: "audio/mpeg" },
    ]);
    expect((await speak("hello", "anna")).items).toHaveLength(3);
  });

  test("tells its voices of a language", async () => {
    const { items } = await ask("/tts/model/voices", { ...base("tts", "voice-1"), language: "de-DE" });
    expect(items).toEqual([{ voices: [{ name: "Anna", value: "anna" }] }]);
  });

  test("hears 1 MB of audio", async () => {
    const file = "ab".repeat(1_000_000);
    const { items } = await ask("/speech2text/invoke", { ...base("speech2text", "ear-1"), file });
    expect(items).toEqual([{ result: "heard 1000000 bytes: abababab" }]);
  });

  test("tells safe texts from others", async () => {
    const moderate = async (text: string) =>
      (await ask("/moderation/invoke", { ...base("moderation", "guard-1"), text })).items;
    expect(await moderate("good")).toEqual([{ result: false }]);
    expect(await moderate("bad")).toEqual([{ result: true }]);
  });

  test("ranks without a threshold", async () => {
    const { items } = await ask("/rerank/invoke", {
      ...base("rerank", "order-1"),
      query: "q",
      docs: ["a", "b"],
      score_threshold: null,
      top_n: null,
    });
    expect(items).toMatchObject([{ docs: [{ text: "a" }, { text: "b" }] }]);
  });

  test.each([
    ["/model/validate_provider_credentials", { provider: "kitchen", credentials: { api_key: "bad" } }],
    [
      "/model/validate_model_credentials",
      { provider: "kitchen", model_type: "rerank", model: "mine", credentials: { api_key: "bad" } },
    ],
  ])("refuses wrong credentials at %s", async (path, data) => {
    const { items, failure } = await ask(path, data);
    expect(items).toEqual([]);
    expect(failure?.error_type).toBe("CredentialsValidateFailedError");
    expect(failure?.message).toEndWith("must start with good");
  });

  test("has a schema for models of its list, for others, or none", async () => {
    const schema = async (model: string) => (await ask("/model/schema", base("llm", model))).items;
    expect(await schema("chef-1")).toMatchObject([
      {
        model_schema: {
          model: "chef-1",
          fetch_from: "predefined-model",
          pricing: { input: "2.5", unit: "0.000001" },
        },
      },
    ]);
    expect(await schema("mine")).toMatchObject([{ model_schema: { fetch_from: "customizable-model" } }]);
    expect(await schema("none")).toEqual([{ model_schema: null }]);
  });

  test("is polled from its start to its end", async () => {
    const started = await ask("/model/polling/start", {
      ...base("llm", "chef-1"),
      prompt_messages: [{ role: "user", content: "hi" }],
      model_parameters: {},
      stream: false,
      json_schema: { type: "object" },
    });
    expect(started.text).toContain('"n":9007199254740993');
    const check = async (plugin_state: object) =>
      (await ask("/model/polling/check", { ...base("llm", "chef-1"), plugin_state })).items;
    expect(await check({ task: "more" })).toMatchObject([
      { status: "running", plugin_state: { task: "t-2" } },
    ]);
    expect(await check({ task: "bad" })).toMatchObject([{ status: "failed", error: "it failed" }]);
    expect(await check({ task: "t-1" })).toMatchObject([
      { status: "succeeded", result: { message: { content: "done" } } },
    ]);
  });

  test("refuses a call for another kind of plugin", async () => {
    const { status, items, failure } = await ask("/tool/invoke", {
      provider: "kitchen",
      tool: "say",
      tool_parameters: {},
      credentials: {},
    });
    expect({ status, items, type: failure?.error_type }).toEqual({
      status: 200,
      items: [],
      type: "ValueError",
    });
  });
});
