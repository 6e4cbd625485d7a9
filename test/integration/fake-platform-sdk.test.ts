import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { TENANT } from "../support/daemon-api.ts";
import { testPlatform } from "../support/fake-platform.ts";
import { findSdkTools, type SdkDaemon, startSdkDaemon } from "../support/sdk-daemon.ts";

/* What authors get who try out a plugin with the published SDK and the fake platform: an answer to everything. */

setDefaultTimeout(240_000);

const tools = await findSdkTools();
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";

/** Calls of test/fixtures/plugins/calls-back, and where they go. */
const CALLS: Readonly<Record<string, string>> = {
  llm: "invoke/llm",
  "llm-blocking": "invoke/llm",
  "llm-structured": "invoke/llm/structured-output",
  "llm-structured-blocking": "invoke/llm/structured-output",
  summary: "invoke/summary",
  embedding: "invoke/text-embedding",
  "multimodal-embedding": "invoke/multimodal-embedding",
  rerank: "invoke/rerank",
  "multimodal-rerank": "invoke/multimodal-rerank",
  tts: "invoke/tts",
  speech2text: "invoke/speech2text",
  moderation: "invoke/moderation",
  tool: "invoke/tool",
  "builtin-tool": "invoke/tool",
  "api-tool": "invoke/tool",
  "workflow-tool": "invoke/tool",
  extract: "invoke/parameter-extractor",
  classify: "invoke/question-classifier",
  chat: "invoke/app",
  "chat-blocking": "invoke/app",
  workflow: "invoke/app",
  "workflow-blocking": "invoke/app",
  completion: "invoke/app",
  "completion-streaming": "invoke/app",
  "fetch-app": "fetch/app/info",
  upload: "upload/file/request",
};

describe.skipIf(why !== "")(`the fake platform and the SDK${why}`, () => {
  const platform = testPlatform();
  let daemon: SdkDaemon;
  let pluginId: string;

  beforeAll(async () => {
    daemon = await startSdkDaemon({ env: platform.env });
    ({ pluginId } = await daemon.add("calls-back"));
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await platform.close();
  });

  test.each(Object.entries(CALLS))("%s is answered by %s", async (what, path) => {
    platform.clear();
    const { items, failure } = await daemon.ask(pluginId, {
      path: "/tool/invoke",
      data: { provider: "sdk", tool: "calls", credentials: {}, tool_parameters: { what } },
    });
    expect(failure).toBeUndefined();
    const [item] = items as { message: { json_object: { result: unknown } } }[];
    const result = item?.message.json_object.result;
    expect(result === null || result === undefined || (Array.isArray(result) && result.length === 0)).toBe(
      false,
    );
    const [first] = platform.received();
    expect(first).toMatchObject({
      path: `/inner/api/${path}`,
      status: 200,
      outcome: "answered",
      body: { tenant_id: TENANT, user_id: "u1" },
    });
    if (what === "upload") expect(platform.received()[1]).toMatchObject({ status: 201, body: { size: 2 } });
  });
});
