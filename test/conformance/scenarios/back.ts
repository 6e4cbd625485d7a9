import { PLAIN_CALLS } from "./back-calls.ts";
import type { Scenario, Step } from "./scenario.ts";
import { type CallOptions, callsOf, installSteps, tenantOf, uninstallStep } from "./shared-steps.ts";

const INVOKE = "/tool/invoke";
const FREE = { freeText: true } as const;
/** What a storage says of a key or value that it does not take. */
const FREE_DETAIL = { ignored: ["frames.*.data.message.text.message"] };

const ofBack = callsOf("gold/kitchen-back");
const ofPoor = callsOf("gold/kitchen-poor");

/** A call of the SDK; `more` is what the tool takes besides. */
function sdk(what: string, more: Readonly<Record<string, unknown>> = {}, options: CallOptions = {}): Step {
  const isPlain = Object.keys(more).length === 0;
  const data = { provider: "kitchen", tool: "back", tool_parameters: { what, ...more }, credentials: {} };
  const name = isPlain ? what : `${what} ${JSON.stringify(more)}`;
  return ofBack(name, INVOKE, data, { platform: true, ...options });
}

interface RawOptions extends CallOptions {
  /** Of which plugin; `ofBack` if not said. */
  readonly via?: typeof ofBack;
}

/** A call back as it is given, and every event that comes back. */
function raw(name: string, type: string, { request = {}, ...more }: RawOptions & { request?: object }): Step {
  const { via = ofBack, ...options } = more;
  const data = {
    provider: "kitchen",
    tool: "raw",
    tool_parameters: { what: type, request },
    credentials: {},
  };
  return via(`raw ${name}`, INVOKE, data, { platform: true, ...options });
}

/** An `invoke` message that is none. */
function malformed(name: string, message: unknown): Step {
  const data = {
    provider: "kitchen",
    tool: "raw",
    tool_parameters: { what: "malformed", data: message },
    credentials: {},
  };
  return ofBack(`malformed ${name}`, INVOKE, data, FREE);
}

function storage(opt: string, key: string, options: CallOptions & { value?: string } = {}): Step {
  const { value, ...rest } = options;
  const shown = value === undefined ? "" : ` ${JSON.stringify(value.slice(0, 20))}`;
  // The reference counts entries of its cache.
  const counted = opt === "del" ? { ignored: ["frames.*.data.message.text.data.deleted_num"] } : {};
  return raw(`storage ${opt} ${JSON.stringify(key)}${shown}`, "storage", {
    request: { opt, key, ...(value !== undefined && { value }) },
    platform: false,
    ...counted,
    ...rest,
  });
}

const SDK_CALLS = [
  "llm",
  "llm-blocking",
  "llm-structured",
  "summary",
  "embedding",
  "multimodal-embedding",
  "rerank",
  "multimodal-rerank",
  "tts",
  "speech2text",
  "moderation",
  "tool",
  "workflow-tool",
  "extract",
  "classify",
  "chat",
  "chat-blocking",
  "workflow",
  "completion",
  "fetch-app",
  "upload",
  "storage",
].map((what) => sdk(what));

const TOOL_CREDENTIALS = {
  conversation_id: "c",
  message_id: "m",
  app_id: "a",
  context: { credentials: { tool_credentials: { "gold/other/other": "cred-7" } } },
};

const PLATFORM_FAILURES: readonly Step[] = [
  ...["error", "nil", "wrong", "text", "status", "late", "magic", "header", "cut", "empty", "skip"].map(
    (model) => sdk("llm", { model }, model === "text" || model === "cut" ? FREE : {}),
  ),
  ...["error", "nil", "wrong", "text", "status", "empty"].map((model) =>
    sdk("embedding", { model }, ["text", "empty", "wrong"].includes(model) ? FREE : {}),
  ),
  ...["error", "late", "status"].map((tool) => sdk("tool", { tool })),
  ...["error", "status"].map((model) => sdk("tts", { model })),
  sdk("extract", { model: "error" }),
  sdk("extract", { model: "wrong" }, FREE),
  ...["error", "nil"].map((appId) => sdk("fetch-app", { app_id: appId })),
];

const LLM = { provider: "p", model: "ok", mode: "chat" };

const REQUESTS: readonly Step[] = [
  ...PLAIN_CALLS.map(([type, request]) => raw(type, type, { request })),
  // All but encryption and nonsense.
  ...PLAIN_CALLS.slice(0, 17).map(([type]) => raw(`${type}, empty`, type, {})),
  raw("llm, wrong types", "llm", { request: { provider: 1, model: true, mode: "chat" } }),
  raw("llm, own tenant and user", "llm", {
    request: { ...LLM, tenant_id: "evil", user_id: "evil", type: "tool" },
  }),
  raw("tool, bad kind", "tool", { request: { tool_type: "magic", provider: "p", tool: "ok" } }),
  raw("llm, unknown keys", "llm", {
    request: { ...LLM, surprise: 1, prompt_messages: [{ role: "user", content: "x", surprise: 1 }] },
  }),
  raw("llm, opaque body", "llm", {
    request: { ...LLM, prompt_messages: [{ role: "assistant", content: "x", opaque_body: { a: 1 } }] },
  }),
  raw("llm, tool choice", "llm", {
    request: { ...LLM, tool_choice: { mode: "required" }, tools: [{ name: "f" }] },
  }),
];

/** The manifest allows 4096 bytes. */
const STORAGE: readonly Step[] = [
  storage("set", "x", { value: "00ff" }),
  storage("get", "x"),
  storage("exist", "x"),
  storage("set", "x", { value: "ABcd" }),
  storage("get", "x"),
  storage("del", "x"),
  storage("del", "x", FREE_DETAIL),
  storage("get", "x"),
  storage("exist", "x"),
  storage("set", "y", { value: "zz", ...FREE_DETAIL }),
  storage("set", "y"),
  storage("get", "y"),
  storage("set", "../up", { value: "00" }),
  storage("set", "a//b", { value: "01" }),
  storage("get", "a/b"),
  storage("set", "a/../c", { value: "02" }),
  storage("get", "c"),
  storage("set", "a..b", { value: "00" }),
  storage("set", "a\\b", { value: "00" }),
  storage("set", "/abs", { value: "03" }),
  storage("get", "/abs"),
  storage("set", "k".repeat(256), { value: "00" }),
  storage("set", "k".repeat(257), { value: "00" }),
  storage("nonsense", "k"),
  storage("set", "", { value: "00" }),
  storage("set", "large", { value: "00".repeat(5000) }),
  storage("exist", "large"),
  storage("set", "more", { value: "00".repeat(100) }),
  storage("del", "four"),
  storage("set", "fits", { value: "00".repeat(3000) }),
  storage("set", "fits", { value: "00".repeat(3500) }),
  storage("del", "fits"),
];

const MALFORMED: readonly Step[] = [
  malformed("null", null),
  malformed("text", "hello"),
  malformed("no type", { backwards_request_id: "a", request: {} }),
  malformed("no id", { type: "llm", request: {} }),
  malformed("no request", { type: "llm", backwards_request_id: "a" }),
  malformed("request that is a list", { type: "llm", backwards_request_id: "a", request: [] }),
];

/** Every call back: through the SDK and as raw events, what the platform gets of it, its failures, permissions, storage. */
export const backScenario: Scenario = {
  name: "back",
  tenant: tenantOf(10),
  steps: numbered([
    ...installSteps("kitchen-back.difypkg", "back"),
    ...SDK_CALLS,
    sdk("tool", { credential_id: "mine" }),
    sdk("tool", { tool: "other" }, { envelope: TOOL_CREDENTIALS }),
    sdk("storage", { key: "a/b c é" }),
    sdk("keep"),
    sdk("kept"),
    sdk("storage-full", { key: "five", size: 5000 }),
    sdk("storage-full", { key: "four", size: 4000 }),
    ...PLATFORM_FAILURES,
    ...REQUESTS,
    ...STORAGE,
    ...MALFORMED,
    ...installSteps("kitchen-poor.difypkg", "poor"),
    ...PLAIN_CALLS.map(([type, request]) => raw(`denied ${type}`, type, { request, via: ofPoor })),
    uninstallStep("poor"),
    uninstallStep("back"),
    ...installSteps("kitchen-back.difypkg", "back"),
    {
      ...sdk("kept"),
      name: "kept over a reinstall",
      until: { path: "first.code", oneOf: [0], withinMs: 30_000 },
    },
    uninstallStep("back"),
  ]),
};

/** Steps that come again are told apart as they were recorded: `x`, `x (2)`. */
function numbered(steps: readonly Step[]): readonly Step[] {
  const times = new Map<string, number>();
  return steps.map((step) => {
    const time = (times.get(step.name) ?? 0) + 1;
    times.set(step.name, time);
    return time === 1 || step.setup ? step : { ...step, name: `${step.name} (${time})` };
  });
}
