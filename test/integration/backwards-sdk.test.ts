import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { readCall, TENANT } from "../support/daemon-api.ts";
import { packZip, textEntries } from "../support/pack.ts";
import { until } from "../support/processes.ts";
import { temporaryFolder } from "./author-support.ts";
import { type Asked, framed, openCall, standInPlatform, unary } from "./backwards-support.ts";
import { CACHE } from "./python-env-support.ts";

/*
 * Every call that the published SDK can make, through the daemon to a platform that answers as Dify does.
 */

const INSTALL_LIMIT_MS = 120_000;
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

/** As Dify answers (contract/backwards-invocation 2.7). */
function answer({ path, body }: Asked): Response {
  switch (path) {
    case "invoke/llm":
      return framed(
        body["stream"] === true
          ? [chunk(0, "Hel"), chunk(1, "lo é\u2028😀"), chunk(2, "", {}, END)]
          : [chunk(0, "whole", {}, END)],
      );
    case "invoke/llm/structured-output":
      return framed([chunk(0, '{"a":1}', { structured_output: { a: 1 } }, END)]);
    case "invoke/text-embedding":
    case "invoke/multimodal-embedding":
      return unary({ model: "m-1", embeddings: [[0.1, -2]], usage: VECTOR_USAGE });
    case "invoke/rerank":
    case "invoke/multimodal-rerank":
      return unary({ model: "m-1", docs: [{ index: 1, text: "b", score: 0.93 }] });
    case "invoke/tts":
      return framed([{ result: "00ff" }, { result: "ABCD" }]);
    case "invoke/speech2text":
      return unary({ result: "heard" });
    case "invoke/moderation":
      return unary({ result: true });
    case "invoke/summary":
      return unary({ summary: "short" });
    case "invoke/tool":
      return framed([
        { type: "text", message: { text: "12:00 é" }, meta: null },
        { type: "json", message: { json_object: { n: 1 } }, meta: null },
      ]);
    case "invoke/app":
      return framed(
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
const folder = temporaryFolder();
let daemon: LocalDaemon;

const TOOL = `
import io
from collections.abc import Generator
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities.model.llm import LLMModelConfig
from dify_plugin.entities.model.message import AssistantPromptMessage, PromptMessageTool, SystemPromptMessage, ToolPromptMessage, UserPromptMessage
from dify_plugin.entities.model.moderation import ModerationModelConfig
from dify_plugin.entities.model.rerank import MultiModalRerankModelConfig, RerankModelConfig
from dify_plugin.entities.model.speech2text import Speech2TextModelConfig
from dify_plugin.entities.model.text_embedding import MultiModalContent, MultiModalContentType, MultiModalEmbeddingModelConfig, TextEmbeddingModelConfig
from dify_plugin.entities.model.tts import TTSModelConfig
from dify_plugin.entities.tool import ToolInvokeMessage, ToolProviderType
from dify_plugin.entities.workflow_node import ClassConfig, ModelConfig, ParameterConfig

BOTH = {"provider": "a/b/c", "model": "m"}
LLM = LLMModelConfig(**BOTH, mode="chat", completion_params={"temperature": 0.5, "seed": 2**53 + 1})
CALL = AssistantPromptMessage.ToolCall
MESSAGES = [
    SystemPromptMessage(content="be kind"),
    UserPromptMessage(content="hi"),
    AssistantPromptMessage(content="", tool_calls=[CALL(id="c1", type="function", function=CALL.ToolCallFunction(name="f", arguments="{}"))]),
    ToolPromptMessage(content="42", tool_call_id="c1"),
]
TOOLS = [PromptMessageTool(name="f", description="d", parameters={"type": "object", "properties": {}})]
TEXT = MultiModalContent(content="q", content_type=MultiModalContentType.TEXT)
IMAGE = MultiModalContent(content="AA==", content_type=MultiModalContentType.IMAGE)
NODE = ModelConfig(provider="p", name="m")

CALLS = {
    "llm": lambda s: list(s.model.llm.invoke(LLM, MESSAGES, tools=TOOLS, stop=["x"], stream=True)),
    "llm-blocking": lambda s: s.model.llm.invoke(LLM, MESSAGES, stream=False),
    "llm-structured": lambda s: list(s.model.llm_structured_output.invoke(LLM, MESSAGES, structured_output_schema={"type": "object"}, stream=True)),
    "summary": lambda s: s.model.summary.invoke("y" * 1100, "short please"),
    "embedding": lambda s: s.model.text_embedding.invoke(TextEmbeddingModelConfig(**BOTH), ["a"]),
    "multimodal-embedding": lambda s: s.model.text_embedding.invoke_multimodal(MultiModalEmbeddingModelConfig(**BOTH, tenant_id="evil"), [IMAGE]),
    "rerank": lambda s: s.model.rerank.invoke(RerankModelConfig(**BOTH, score_threshold=0.25, top_n=2), ["a", "b"], "q"),
    "multimodal-rerank": lambda s: s.model.rerank.invoke_multimodal(MultiModalRerankModelConfig(**BOTH), TEXT, [IMAGE]),
    "tts": lambda s: [piece.hex() for piece in s.model.tts.invoke(TTSModelConfig(**BOTH, voice="anna"), "hello")],
    "speech2text": lambda s: s.model.speech2text.invoke(Speech2TextModelConfig(**BOTH), io.BytesIO(bytes([0, 255]))),
    "moderation": lambda s: s.model.moderation.invoke(ModerationModelConfig(**BOTH), "text"),
    "tool": lambda s: list(s.tool.invoke(ToolProviderType.BUILT_IN, "a/b/c", "t", {"tz": "UTC"})),
    "workflow-tool": lambda s: list(s.tool.invoke_workflow_tool("w", "t", {})),
    "extract": lambda s: s.workflow_node.parameter_extractor.invoke(parameters=[ParameterConfig(name="city", type="string", description="the city", required=True)], model=ModelConfig(provider="p", name="m", completion_params={}), query="weather in Rome", instruction="find it"),
    "classify": lambda s: s.workflow_node.question_classifier.invoke(classes=[ClassConfig(id="1", name="a")], model=NODE, query="which", instruction=""),
    "chat": lambda s: list(s.app.chat.invoke(app_id="app", query="hi", inputs={}, response_mode="streaming", conversation_id="c")),
    "chat-blocking": lambda s: s.app.chat.invoke(app_id="app", query="hi", inputs={}, response_mode="blocking"),
    "workflow": lambda s: list(s.app.workflow.invoke(app_id="app", inputs={"n": 2**53 + 1}, response_mode="streaming")),
    "completion": lambda s: s.app.completion.invoke(app_id="app", inputs={}, response_mode="blocking"),
    "fetch-app": lambda s: dict(s.app.fetch_app("app")),
    "upload": lambda s: s.file.upload("a é.txt", bytes([0, 255]), "text/plain"),
    "storage": lambda s: [s.storage.exist("k"), s.storage.set("k", bytes([0, 255])), s.storage.get("k").hex(), s.storage.exist("k"), s.storage.delete("k"), s.storage.exist("k")],
}


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


class Calls(Tool):
    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage, None, None]:
        yield self.create_json_message({"result": plain(CALLS[tool_parameters["what"]](self.session))})
`;

const FILES: Readonly<Record<string, string>> = {
  "manifest.yaml": `version: 0.0.1
type: plugin
author: tests
name: sdk-calls
label: {en_US: SDK}
description: {en_US: Calls back.}
icon: icon.svg
created_at: "2026-01-01T00:00:00Z"
resource:
  memory: 268435456
  permission:
    tool: {enabled: true}
    model: {enabled: true, llm: true, text_embedding: true, rerank: true, tts: true, speech2text: true, moderation: true}
    node: {enabled: true}
    app: {enabled: true}
    storage: {enabled: true, size: 4096}
plugins:
  tools: [provider/sdk.yaml]
meta:
  version: 0.0.1
  arch: [amd64, arm64]
  runner: {language: python, version: "3.12", entrypoint: main}
`,
  "_assets/icon.svg": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>',
  "main.py": "from dify_plugin import DifyPluginEnv, Plugin\n\nPlugin(DifyPluginEnv()).run()\n",
  "requirements.txt": "dify_plugin==0.10.2\n",
  "provider/sdk.yaml": `identity: {author: tests, name: sdk, label: {en_US: SDK}, description: {en_US: Calls back}, icon: icon.svg}
tools: [tools/calls.yaml]
extra: {python: {source: provider/sdk.py}}
`,
  "provider/sdk.py": `from typing import Any

from dify_plugin import ToolProvider


class Sdk(ToolProvider):
    def _validate_credentials(self, credentials: dict[str, Any]) -> None:
        pass
`,
  "tools/calls.yaml": `identity: {author: tests, name: calls, label: {en_US: Calls}}
description: {human: {en_US: Calls back}, llm: Calls back}
parameters:
  - {name: what, type: string, required: true, form: llm, label: {en_US: What}, human_description: {en_US: What}, llm_description: what}
extra: {python: {source: tools/calls.py}}
`,
  "tools/calls.py": TOOL,
};

beforeAll(async () => {
  const dataDir = join(folder.path, "data");
  mkdirSync(dataDir);
  mkdirSync(CACHE, { recursive: true });
  symlinkSync(CACHE, join(dataDir, "cache"));
  // Where the package index is, and whom it is trusted by, is for the machine to say.
  const machine = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  daemon = await startTestDaemon({ dataDir, env: { ...Object.fromEntries(machine), ...platform.env } });
  const { data, failure } = await daemon.api.upload(packZip(textEntries(FILES)));
  if (failure) throw new Error(failure.message);
  const taskId = await daemon.api.startInstall((data as { unique_identifier: string }).unique_identifier);
  await until(
    "it is installed",
    async () => {
      const { status, plugins } = await daemon.api.task(taskId);
      if (status === "failed") throw new Error(plugins[0]?.message);
      return status === "success";
    },
    { withinMs: INSTALL_LIMIT_MS, everyMs: 200 },
  );
}, INSTALL_LIMIT_MS);

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await uploads.stop(true);
  platform[Symbol.dispose]();
  folder[Symbol.dispose]();
});

/** What the SDK made of it, and what the platform was asked. */
async function call(what: string): Promise<{ readonly result: unknown; readonly asked: Asked | undefined }> {
  const before = platform.asked.length;
  const data = { provider: "sdk", tool: "calls", credentials: {}, tool_parameters: { what } };
  const { items, failure } = await readCall(await openCall(daemon, { pluginId: PLUGIN, data }));
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
    [{ ...delta('{"a":1}'), structured_output: { a: 1 } }],
    { type: "llm_structured_output", structured_output_schema: { type: "object" } },
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
  ["completion", "invoke/app", { event: "message", answer: "Hi" }, { response_mode: "blocking" }],
  ["fetch-app", "fetch/app/info", { opening_statement: "hello" }, { type: "fetch_app", app_id: "app" }],
  [
    "upload",
    "upload/file/request",
    { id: "00ff", name: "a é.txt", size: 2 },
    { type: "upload_file", filename: "a é.txt", mimetype: "text/plain" },
  ],
];

test.each(CASES)("%s through %s", async (what, path, result, body) => {
  const answered = await call(what);
  expect({ result: answered.result }).toMatchObject({ result });
  expect(answered.asked?.path).toBe(path);
  expect(answered.asked?.body).toMatchObject({ ...body, tenant_id: TENANT, user_id: "u1" });
});

test("storage, which the daemon keeps itself", async () => {
  const { result, asked } = await call("storage");
  expect(result).toEqual([false, null, "00ff", true, null, false]);
  expect(asked).toBeUndefined();
});
