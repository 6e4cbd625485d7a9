import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { findSdkTools, renamed, type SdkDaemon, startSdkDaemon } from "../support/sdk-daemon.ts";

/* Plugins that were written for releases of the SDK from 2025, with a requirements.txt and nothing else. */

setDefaultTimeout(120_000);

const tools = await findSdkTools();
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";
const key = { api_key: "good" };
const said = (items: readonly unknown[]): Record<string, unknown>[] =>
  (items as { type: string; message: object }[]).map(({ type, message }) => ({ type, ...message }));

describe.skipIf(why !== "")(`a plugin for an old SDK${why}`, () => {
  let daemon: SdkDaemon;

  beforeAll(async () => {
    daemon = await startSdkDaemon();
    await Promise.all([daemon.add("old-tool"), daemon.add("old-model")]);
  });
  afterAll(() => daemon[Symbol.asyncDispose]());

  const invoke = (parameters: object) =>
    daemon.ask("plugd-test/old-tool", {
      path: "/tool/invoke",
      data: { provider: "old", tool: "say", tool_parameters: parameters, credentials: key },
    });
  const model = (path: string, fields: object) =>
    daemon.ask("plugd-test/old-model", { path, data: { provider: "old", credentials: key, ...fields } });

  test("streams what a tool says, its blobs in chunks", async () => {
    const { items, failure } = await invoke({ count: 3 });
    expect(failure).toBeUndefined();
    const messages = said(items);
    expect(messages.slice(0, 4)).toEqual([
      { type: "text", text: "part 0" },
      { type: "text", text: "part 1" },
      { type: "text", text: "part 2" },
      { type: "json", json_object: { sdk: expect.stringMatching(/^0\.2\./), key: "good" } },
    ]);
    const chunks = messages.slice(4);
    expect(chunks.map((chunk) => [chunk["type"], chunk["end"]])).toEqual([
      ["blob_chunk", false],
      ["blob_chunk", false],
      ["blob_chunk", true],
    ]);
  });

  test("passes on what a tool raises, which has no traceback yet", async () => {
    const { items, failure } = await invoke({ count: 2, fail: true });
    expect(items).toHaveLength(2);
    expect(failure).toEqual({ error_type: "ValueError", message: "reason é", args: {} });
  });

  test("checks a tool's credentials", async () => {
    const check = (credentials: object) =>
      daemon.ask("plugd-test/old-tool", {
        path: "/tool/validate_credentials",
        data: { provider: "old", credentials },
      });
    expect((await check(key)).items).toEqual([{ result: true }]);
    expect((await check({ api_key: "bad" })).failure?.error_type).toBe(
      "ToolProviderCredentialValidationError",
    );
  });

  test("streams a model's answer, with prices, and without the prompt that this SDK repeats", async () => {
    const { items, failure } = await model("/llm/invoke", {
      model_type: "llm",
      model: "parrot",
      model_parameters: { temperature: 0.5 },
      prompt_messages: [{ role: "user", content: "one two drei é" }],
      tools: null,
      stop: null,
      stream: true,
    });
    expect(failure).toBeUndefined();
    const chunks = items as {
      prompt_messages: unknown;
      delta: { message: { content: string }; usage: unknown };
    }[];
    expect(chunks.map(({ delta }) => delta.message.content)).toEqual(["one", "two", "drei", "é"]);
    expect(chunks.map((chunk) => chunk.prompt_messages)).toEqual([[], [], [], []]);
    expect(chunks.at(-1)?.delta.usage).toMatchObject({
      prompt_tokens: 3,
      prompt_price: "0.00003",
      completion_tokens: 4,
      completion_price: "0.00008",
      total_price: "0.00011",
      currency: "USD",
    });
  });

  test("passes on a model's error", async () => {
    const { failure } = await model("/llm/invoke", {
      model_type: "llm",
      model: "parrot",
      model_parameters: {},
      prompt_messages: [{ role: "user", content: "fail" }],
      stream: true,
    });
    expect(failure).toMatchObject({
      error_type: "InvokeRateLimitError",
      message: "[models] Rate Limit Error, slow down",
    });
  });

  test("counts, embeds and checks credentials", async () => {
    const ruler = { model_type: "text-embedding", model: "ruler", texts: ["a", "bb"] };
    expect((await model("/text_embedding/invoke", { ...ruler, input_type: "document" })).items).toMatchObject(
      [{ model: "ruler", embeddings: [[1], [2]], usage: { unit_price: "0.1", total_price: "0.0002" } }],
    );
    expect((await model("/text_embedding/num_tokens", ruler)).items).toEqual([{ num_tokens: [1, 2] }]);
    expect((await model("/model/validate_provider_credentials", {})).items).toMatchObject([{ result: true }]);
    expect(
      (await model("/model/validate_provider_credentials", { credentials: { api_key: "bad" } })).failure
        ?.error_type,
    ).toBe("CredentialsValidateFailedError");
  });

  test("ends at once, without an item, where the SDK has no such operation yet", async () => {
    const { status, text } = await model("/multimodal_embedding/invoke", {
      model_type: "text-embedding",
      model: "ruler",
      documents: [{ content: "a", content_type: "text" }],
      input_type: "document",
    });
    expect([status, text]).toEqual([200, ""]);
  });

  test("works with a beta of the SDK from before 0.1, with a warning in the log", async () => {
    const beta = await daemon.add("old-tool", {
      "requirements.txt": "dify_plugin==0.0.1b76\n",
      ...renamed("old-tool", "beta-tool"),
    });
    const { items, failure } = await daemon.ask(beta.pluginId, {
      path: "/tool/invoke",
      data: { provider: "old", tool: "say", tool_parameters: { count: 1 }, credentials: key },
    });
    expect(failure).toBeUndefined();
    expect(said(items)[1]).toMatchObject({ json_object: { sdk: "0.0.1b76" } });
    expect(daemon.log()).toContain("The plugin uses an old SDK that leaks memory");
  });
});
