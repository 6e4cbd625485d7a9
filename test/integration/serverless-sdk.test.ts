import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { findSdkTools, type SdkDaemon, startSdkDaemon } from "../support/sdk-daemon.ts";
import {
  type SdkFunctions,
  startSdkFunctions,
  startStandInConnector,
  type StandInConnector,
} from "../support/stand-in-connector.ts";

/* The published SDK in its serverless mode, behind a connector, installed over the HTTP API. */

setDefaultTimeout(180_000);

const tools = await findSdkTools();
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";

describe.skipIf(why !== "")(`a function with the SDK${why}`, () => {
  let connector: StandInConnector;
  let functions: SdkFunctions;
  let daemon: SdkDaemon;
  let pluginId: string;
  let models: string;

  beforeAll(async () => {
    connector = startStandInConnector({ launch: (launched) => functions.launch(launched) });
    daemon = await startSdkDaemon({
      env: { ...connector.env, PLATFORM: "serverless", MAX_SERVERLESS_REQUEST_BYTES: "2000" },
    });
    functions = await startSdkFunctions(daemon.dataDir);
    const plugin = await daemon.add("kitchen-tools");
    ({ pluginId } = plugin);
    expect(plugin.messages).toContain("step 1 of 2");
    ({ pluginId: models } = await daemon.add("kitchen-models"));
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await functions[Symbol.asyncDispose]();
    await connector[Symbol.asyncDispose]();
  });

  const invoke = (parameters: object, credentials: object = { api_key: "good-1" }) =>
    daemon.ask(pluginId, {
      path: "/tool/invoke",
      data: { provider: "kitchen", tool: "say", tool_parameters: parameters, credentials },
    });

  test("answers as the same plugin does as a process", async () => {
    const { items, failure, text } = await invoke({ what: "text" });
    if (failure) throw new Error(`${text}\n${functions.output()}`);
    expect(items).toMatchObject([{ type: "text", message: { text: "part 0" } }]);
  });

  const embed = (path: string, texts: readonly string[]) =>
    daemon.ask(models, {
      path: `/text_embedding/${path}`,
      data: {
        provider: "kitchen",
        model_type: "text-embedding",
        model: "vec-1",
        credentials: { api_key: "good-1" },
        texts,
        input_type: "query",
      },
    });

  test("takes texts in several requests where one would be too large, and nobody sees that", async () => {
    const texts = Array.from({ length: 60 }, (_, i) => `${"é".repeat(i)}"`);
    const { items, failure, text } = await embed("invoke", texts);
    if (failure) throw new Error(text);
    expect(items).toEqual([
      {
        model: "vec-1",
        embeddings: texts.map((one) => [one.length, 0.1, -1e-9, 1 / 3, 2]),
        usage: {
          tokens: 60,
          total_tokens: 60,
          unit_price: "0.1",
          price_unit: "0.001",
          total_price: "0.006",
          currency: "USD",
          latency: expect.any(Number),
        },
      },
    ]);
    expect((await embed("num_tokens", texts)).items).toEqual([
      { num_tokens: texts.map((one) => one.length) },
    ]);
    const metrics = await (await daemon.api.request("/metrics/")).text();
    const [, requests] =
      /plugin_serverless_batch_count\{[^}]*action="invoke_text_embedding"\} (\d+)/.exec(metrics) ?? [];
    expect(Number(requests)).toBeGreaterThan(2);
  });

  test("says which text does not fit alone", async () => {
    const { failure } = await embed("invoke", ["a", "x".repeat(2000)]);
    expect(failure?.message).toMatch(
      /^ServerlessPayloadTooLarge: action=invoke_text_embedding payload_bytes=2\d{3} max_request_bytes=2000 item_index=1$/,
    );
  });

  test("passes on the plugin's error of one of the requests", async () => {
    const { failure, items } = await embed("invoke", [
      ...Array.from({ length: 60 }, () => "x".repeat(30)),
      "fail",
    ]);
    expect(items).toEqual([]);
    expect(failure?.error_type).toBe("InvokeAuthorizationError");
  });
});
