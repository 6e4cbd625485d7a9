import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { TENANT } from "../support/daemon-api.ts";
import { testPlatform } from "../support/fake-platform.ts";
import { findSdkTools, type SdkDaemon, startSdkDaemon } from "../support/sdk-daemon.ts";

/*
 * A whole agent: a package with the published SDK, whose strategy asks a model, calls the tools that the model wants and
 * asks again, against a platform that makes everything up.
 */

setDefaultTimeout(240_000);

const tools = await findSdkTools();
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";

/** A tool as the platform describes it to a strategy. */
const tool = (name: string, parameter: string, more: object = {}) => ({
  identity: { author: "acme", name, label: { en_US: name }, provider: "acme/weather/weather" },
  description: { human: { en_US: name }, llm: `tells the ${name}` },
  provider_type: "builtin",
  parameters: [
    {
      name: parameter,
      type: "string",
      form: "llm",
      required: true,
      label: { en_US: parameter },
      human_description: { en_US: parameter },
      llm_description: parameter,
    },
  ],
  ...more,
});

interface Item {
  readonly type: string;
  readonly message: Readonly<Record<string, unknown>>;
}

interface Body {
  readonly prompt_messages?: readonly Readonly<Record<string, unknown>>[];
  readonly tools?: readonly { readonly name: string }[] | null;
  readonly tool?: string;
}

describe.skipIf(why !== "")(`an agent strategy with a loop${why}`, () => {
  const platform = testPlatform();
  let daemon: SdkDaemon;
  let pluginId: string;

  beforeAll(async () => {
    daemon = await startSdkDaemon({ env: platform.env });
    ({ pluginId } = await daemon.add("agent-loop"));
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await platform.close();
  });

  async function run(parameters: object) {
    platform.clear();
    const { items, failure } = await daemon.ask(pluginId, {
      path: "/agent_strategy/invoke",
      envelope: { conversation_id: "c", message_id: "m", app_id: "app-1", context: { credentials: {} } },
      data: {
        agent_strategy_provider: "loop",
        agent_strategy: "function_calling",
        agent_strategy_params: {
          model: { provider: "acme/openai/openai", model: "gpt", mode: "chat", completion_params: {} },
          instruction: "be brief",
          query: "is it warm in Rome",
          maximum_iterations: 5,
          tools: [tool("forecast", "city"), tool("clothes", "weather", { credential_id: "cred-1" })],
          ...parameters,
        },
      },
    });
    const asked = platform.received().map(({ path, body }) => ({
      path: path.replace("/inner/api/", ""),
      body: body as Body & Readonly<Record<string, unknown>>,
    }));
    return { items: items as readonly Item[], failure, asked };
  }

  /** Log messages by label and status, texts as they are; ids stand for their log. */
  function story(items: readonly Item[]): string[] {
    const labels = new Map(items.map(({ message }) => [String(message["id"]), String(message["label"])]));
    return items.map(({ type, message }) => {
      if (type === "text") return `says ${JSON.stringify(message["text"])}`;
      if (type !== "log") return JSON.stringify(message);
      const parent = labels.get(String(message["parent_id"]));
      return `${String(message["label"])} ${String(message["status"])}${parent === undefined ? "" : ` in ${parent}`}`;
    });
  }

  test("asks the model, calls each tool that it wants, and answers", async () => {
    const { items, failure, asked } = await run({});
    expect(failure).toBeUndefined();
    expect(asked.map(({ path }) => path)).toEqual([
      "invoke/llm",
      "invoke/tool",
      "invoke/llm",
      "invoke/tool",
      "invoke/llm",
    ]);
    for (const { body } of asked) expect(body).toMatchObject({ tenant_id: TENANT, user_id: "u1" });
    const [first, forecast, , clothes, last] = asked;
    expect(first?.body.tools?.map(({ name }) => name)).toEqual(["forecast", "clothes"]);
    expect(forecast?.body).toMatchObject({
      type: "tool",
      tool_type: "builtin",
      provider: "acme/weather/weather",
      tool: "forecast",
      tool_parameters: { city: expect.any(String) },
      credential_id: "",
      app_id: "app-1",
    });
    expect(clothes?.body).toMatchObject({ tool: "clothes", credential_id: "cred-1" });
    // All that was said so far, the calls and what the tools answered.
    expect(last?.body.prompt_messages).toMatchObject([
      { role: "system", content: "be brief" },
      { role: "user", content: "is it warm in Rome" },
      { role: "assistant", tool_calls: [{ id: "call-1", function: { name: "forecast" } }] },
      { role: "tool", tool_call_id: "call-1", content: expect.stringMatching(/^forecast: \{"city"/) },
      { role: "assistant", tool_calls: [{ id: "call-2", function: { name: "clothes" } }] },
      { role: "tool", tool_call_id: "call-2", content: expect.stringMatching(/^clothes: \{"weather"/) },
    ]);
    const told = story(items);
    expect(told.filter((line) => !line.startsWith("says "))).toEqual([
      "ROUND 1 start",
      "CALL forecast start in ROUND 1",
      "CALL forecast success in ROUND 1",
      "ROUND 1 success",
      "ROUND 2 start",
      "CALL clothes start in ROUND 2",
      "CALL clothes success in ROUND 2",
      "ROUND 2 success",
      "ROUND 3 start",
      "ROUND 3 success",
      '{"json_object":{"rounds":3,"total_tokens":30}}',
    ]);
    const answer = items.slice(told.indexOf("ROUND 3 start")).filter(({ type }) => type === "text");
    // In the pieces in which the model said it.
    expect(answer.length).toBe(3);
    expect(answer.map(({ message }) => message["text"]).join("")).toStartWith('clothes: {"weather"');
  });

  test("asks without tools in the last round that it has", async () => {
    const { failure, asked, items } = await run({ maximum_iterations: 2 });
    expect(failure).toBeUndefined();
    expect(asked.map(({ body }) => body.tools?.length ?? 0)).toEqual([2, 0, 0]);
    expect(story(items).at(-1)).toBe('{"json_object":{"rounds":2,"total_tokens":20}}');
  });

  test("goes on when a tool fails, and tells the model", async () => {
    const { failure, asked } = await run({ tools: [tool("error", "x"), tool("late", "x")] });
    expect(failure).toBeUndefined();
    const answers = asked
      .at(-1)
      ?.body.prompt_messages?.filter(({ role }) => role === "tool")
      .map(({ content }) => content);
    expect(answers).toEqual([
      expect.stringContaining("told to fail"),
      expect.stringContaining("told to fail later"),
    ]);
  });

  test("fails with the model", async () => {
    const model = { provider: "p", model: "error", mode: "chat", completion_params: {} };
    const { items, failure } = await run({ model });
    expect(story(items)).toEqual(["ROUND 1 start"]);
    expect(failure?.message).toContain("told to fail");
  });
});
