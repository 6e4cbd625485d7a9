import { describe, expect, test } from "bun:test";
import { parseExact } from "../../../src/lib/exact-json.ts";
import { refusalOf } from "../../../src/protocol/backwards/call-permissions.ts";
import { PLATFORM_CALLS, platformCallOf } from "../../../src/protocol/backwards/catalogue.ts";
import {
  BackwardsReplyError,
  BackwardsRequestError,
  type PlatformCall,
} from "../../../src/protocol/backwards/platform-call.ts";
import { readStorageRequest } from "../../../src/protocol/backwards/storage-call.ts";

const CALLER = { tenantId: "T", userId: "U" };

function row(type: string): PlatformCall {
  const call = platformCallOf(type);
  if (!call) throw new Error(`There is no "${type}"`);
  return call;
}

/** The body that goes out for a request, given as JSON text or as a value. */
function prepared(type: string, request: unknown): unknown {
  return JSON.parse(preparedText(type, JSON.stringify(request)));
}

function preparedText(type: string, request: string): string {
  return row(type).prepare(parseExact(request), CALLER);
}

function refusal(type: string, request: unknown): string {
  try {
    prepared(type, request);
  } catch (error) {
    expect(error).toBeInstanceOf(BackwardsRequestError);
    return error instanceof Error ? error.message : "";
  }
  return "nothing was thrown";
}

function decoded(type: string, answer: unknown): unknown {
  const raw = JSON.stringify(answer);
  return JSON.parse(row(type).decode(answer, raw));
}

const model = { provider: "p", model: "m" };
const nodeModel = { provider: "p", name: "n", mode: "chat" };
const content = { content: "c", content_type: "text" };

/** The least that each type takes, and what the reference makes of it (contract/backwards-invocation 2.1). */
const LEAST: readonly (readonly [string, object, object])[] = [
  [
    "llm",
    { ...model, mode: "chat" },
    { completion_params: null, prompt_messages: null, tools: null, stop: null, stream: false },
  ],
  [
    "llm_structured_output",
    { ...model, mode: "chat", structured_output_schema: {} },
    { completion_params: null, prompt_messages: null, tools: null, stop: null, stream: false },
  ],
  ["text_embedding", { ...model, texts: [], input_type: "query" }, {}],
  ["multimodal_embedding", { ...model, documents: [content], input_type: "document" }, {}],
  ["rerank", { ...model, query: "q", docs: [] }, { score_threshold: 0, top_n: 0 }],
  ["multimodal_rerank", { ...model, query: content, docs: [] }, { score_threshold: 0, top_n: 0 }],
  ["tts", { ...model, content_text: "x", voice: "v" }, {}],
  ["speech2text", { ...model, file: "00" }, {}],
  ["moderation", { ...model, text: "x" }, {}],
  ["system_summary", { text: "x" }, { instruction: "" }],
  ["tool", { tool_type: "builtin", provider: "p", tool: "t" }, { tool_parameters: null, credential_id: "" }],
  ["app", { app_id: "a" }, { inputs: null, query: "", response_mode: "", conversation_id: "", user: "" }],
  [
    "node_parameter_extractor",
    { parameters: [], model: nodeModel, query: "q" },
    { model: { ...nodeModel, completion_params: null }, instruction: "" },
  ],
  [
    "node_question_classifier",
    { classes: [], model: nodeModel, query: "q" },
    { model: { ...nodeModel, completion_params: null }, instruction: "" },
  ],
  ["upload_file", { filename: "f", mimetype: "m" }, {}],
  ["fetch_app", { app_id: "a" }, {}],
];

describe("PLATFORM_CALLS", () => {
  test("are all types but storage, each once", () => {
    expect(PLATFORM_CALLS.map(({ type }) => type).toSorted()).toEqual(LEAST.map(([type]) => type).toSorted());
  });

  test.each(LEAST)("%s: the least request is filled as the reference fills it", (type, request, filled) => {
    expect(prepared(type, request)).toEqual({
      ...request,
      ...filled,
      tenant_id: "T",
      user_id: "U",
      type,
    });
  });

  test.each(LEAST)("%s: every field of the least request is required", (type, request) => {
    for (const field of Object.keys(request))
      expect(refusal(type, { ...request, [field]: null })).toStartWith(
        `unmarshal backwards invoke request failed: error validating struct: Key: '${field}`,
      );
  });

  test.each(LEAST)(
    "%s: whose call it is cannot be chosen, in whatever case it is written",
    (type, request) => {
      const evil = { tenant_id: "evil", User_ID: "evil", TYPE: "evil", type: "evil" };
      expect(prepared(type, { ...request, ...evil })).toMatchObject({ tenant_id: "T", user_id: "U", type });
      expect(preparedText(type, JSON.stringify({ ...request, ...evil }))).not.toContain("evil");
    },
  );

  test("keys match in any case, and unknown ones are passed on", () => {
    expect(prepared("moderation", { Provider: "p", MODEL: "m", text: "x", surprise: [1] })).toEqual({
      ...CALLER_FIELDS,
      type: "moderation",
      provider: "p",
      model: "m",
      text: "x",
      surprise: [1],
    });
  });

  test("numbers keep their digits", () => {
    const request = `{"provider":"p","model":"m","mode":"chat","completion_params":{"seed":9007199254740993,"t":1.0}}`;
    expect(preparedText("llm", request)).toContain('{"seed":9007199254740993,"t":1.0}');
  });

  test("a wrong type is refused, a fraction of a count is cut off", () => {
    expect(refusal("moderation", { provider: 1, model: true, text: "x" })).toContain("Key: 'provider'");
    expect(prepared("rerank", { ...model, query: "q", docs: [], top_n: 2.7 })).toMatchObject({ top_n: 2 });
    expect(refusal("rerank", { ...model, query: "q", docs: [], top_n: "2" })).toContain("Key: 'top_n'");
  });

  test.each([
    ["tool", { tool_type: "dataset-retrieval", provider: "p", tool: "t" }],
    [
      "multimodal_embedding",
      { ...model, documents: [{ content: "c", content_type: "video" }], input_type: "query" },
    ],
    ["node_parameter_extractor", { parameters: [{ name: "n", type: "file" }], model: nodeModel, query: "q" }],
  ])("%s: what is none of its values is refused", (type, request) => {
    expect(refusal(type, request)).toContain("failed on the 'oneof=");
  });

  test("what nests too deep is refused, not a crash", () => {
    const deep = `{"app_id":"a","inputs":{"x":${"[".repeat(200_000)}${"]".repeat(200_000)}}}`;
    const value: unknown = JSON.parse(deep);
    expect(() => row("app").prepare({ value, exact: value }, CALLER)).toThrow("it nests too deep");
  });
});

const CALLER_FIELDS = { tenant_id: "T", user_id: "U" };

describe("llm requests", () => {
  const llm = (more: object) => prepared("llm", { ...model, mode: "chat", ...more });

  test("messages get every key; contents and opaque bodies are passed on", () => {
    const parts = [{ type: "image", url: "u", detail: "low", surprise: 1 }];
    expect(
      llm({
        prompt_messages: [
          { role: "user", content: "hi", name: null },
          { role: "user", content: parts },
          { role: "developer", content: null, opaque_body: { a: [1] } },
          { role: "assistant", content: "" },
          { role: "assistant", tool_calls: [{ id: "1", function: { name: "f" } }] },
        ],
      }),
    ).toMatchObject({
      prompt_messages: [
        { role: "user", content: "hi", name: "", tool_calls: null, tool_call_id: "" },
        { role: "user", content: parts, name: "", tool_calls: null, tool_call_id: "" },
        { role: "developer", content: null, opaque_body: { a: [1] } },
        { role: "assistant", content: "", tool_calls: [] },
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "1", type: "", function: { name: "f", arguments: "" } }],
        },
      ],
    });
  });

  test("tools are filled, a choice is left out where there is none", () => {
    expect(llm({ tools: [{ name: "f" }], tool_choice: { mode: "required" } })).toMatchObject({
      tools: [{ name: "f", description: "", parameters: null }],
      tool_choice: { mode: "required" },
    });
    expect(llm({ tool_choice: null })).not.toHaveProperty("tool_choice");
    expect(llm({ tool_choice: { mode: "tool", name: "f" } })).toMatchObject({
      tool_choice: { mode: "tool", name: "f" },
    });
  });

  test("a choice needs a mode that there is, and of a tool its name", () => {
    const choice = (tool_choice: object) => refusal("llm", { ...model, mode: "chat", tool_choice });
    expect(choice({ mode: "any" })).toContain("Key: 'tool_choice.mode'");
    expect(choice({ mode: "tool" })).toContain("Key: 'tool_choice.name'");
    expect(choice({ mode: "tool", name: "  " })).toContain("Key: 'tool_choice.name'");
  });
});

describe("answers", () => {
  const message = { role: "assistant", content: "x", name: null, tool_calls: null };
  const chunk = {
    model: "m",
    system_fingerprint: null,
    delta: { index: 0, message, usage: null, finish_reason: null },
  };

  test("chunks of models get every key that the SDK wants, and no prompt", () => {
    expect(decoded("llm", { ...chunk, prompt_messages: [{ role: "user" }], surprise: 1 })).toEqual({
      model: "m",
      system_fingerprint: "",
      delta: {
        index: 0,
        message: { role: "assistant", content: "x", name: "", tool_calls: [], tool_call_id: "" },
        usage: null,
        finish_reason: null,
      },
      prompt_messages: [],
      surprise: 1,
    });
    expect(decoded("llm_structured_output", chunk)).not.toHaveProperty("prompt_messages");
    expect(decoded("llm_structured_output", chunk)).toHaveProperty("structured_output", null);
  });

  test("prices are texts without zeros at their end", () => {
    const usage = {
      tokens: 1,
      total_tokens: 1,
      unit_price: "0.10",
      price_unit: 0.001,
      total_price: 0,
      currency: "USD",
      latency: 1,
    };
    expect(decoded("text_embedding", { model: "m", embeddings: [[1]], usage })).toMatchObject({
      usage: { unit_price: "0.1", price_unit: "0.001", total_price: "0" },
    });
  });

  test("digits survive, and so do line ends inside of a text", () => {
    const raw = '{"event":"message",\n"n":9007199254740993,"f":1.0,"s":"a\u2028b"}';
    expect(row("app").decode(JSON.parse(raw), raw)).toBe(
      '{"event":"message", "n":9007199254740993,"f":1.0,"s":"a\\u2028b"}',
    );
  });

  test("the app is what stands inside", () => {
    expect(row("fetch_app").decode({ data: { n: 1 } }, '{"data":{"n":1.0}}')).toBe('{"n":1.0}');
  });

  test("zero values stand for what is absent", () => {
    expect(decoded("speech2text", {})).toEqual({ result: "" });
    expect(decoded("moderation", {})).toEqual({ result: false });
    expect(decoded("tts", { result: "00", mime_type: "" })).toEqual({ result: "00" });
    expect(decoded("tool", { type: "text" })).toEqual({ type: "text", message: null, meta: null });
  });

  test.each([
    ["llm", { surprise: true }, "Key: 'model'"],
    ["llm", { ...chunk, delta: { ...chunk.delta, message: { ...message, role: "developer" } } }, "role"],
    ["tool", { type: "surprise" }, "oneof="],
    ["rerank", { model: "m", docs: null }, "Key: 'docs'"],
    ["node_question_classifier", { inputs: {}, outputs: null, process_data: {} }, "Key: 'outputs'"],
    ["fetch_app", { data: null }, "Key: 'data'"],
    ["app", "text", "the item is a string, not an object"],
  ])("%s: %j is refused", (type, answer, why) => {
    expect(() => decoded(type, answer)).toThrow(BackwardsReplyError);
    expect(() => decoded(type, answer)).toThrow(`validate request failed: `);
    expect(() => decoded(type, answer)).toThrow(why);
  });
});

describe("readStorageRequest()", () => {
  test("takes the four operations", () => {
    for (const opt of ["get", "set", "del", "exist"] as const)
      expect(readStorageRequest({ opt, key: "k" })).toEqual({ opt, key: "k", value: "" });
    expect(readStorageRequest({ OPT: "set", key: "k", value: "00" }).value).toBe("00");
  });

  test.each([{}, { opt: "list", key: "k" }, { opt: "get", key: "" }, { opt: "set", key: "k", value: 1 }])(
    "refuses %j",
    (request) => {
      expect(() => readStorageRequest(request)).toThrow(BackwardsRequestError);
    },
  );
});

describe("refusalOf()", () => {
  const all = {
    tool: { enabled: true },
    model: {
      enabled: true,
      llm: true,
      text_embedding: true,
      rerank: true,
      tts: true,
      speech2text: true,
      moderation: true,
    },
    node: { enabled: true },
    app: { enabled: true },
    storage: { enabled: true, size: 1024 },
  };
  const types = [...PLATFORM_CALLS.map(({ type }) => type), "storage"];

  test("lets pass what the manifest allows, and refuses without it", () => {
    for (const type of types) {
      expect(refusalOf(type, all)).toBeUndefined();
      if (type === "upload_file") expect(refusalOf(type, undefined)).toBeUndefined();
      else
        expect(refusalOf(type, undefined)).toMatch(
          /^permission denied, you need to enable [a-z0-9-]+ access/,
        );
    }
  });

  test("a kind of model needs the switch of all models, too", () => {
    expect(refusalOf("llm", { model: { ...all.model, enabled: false } })).toContain("llm access");
    expect(refusalOf("llm", { model: { enabled: true } })).toContain("llm access");
  });

  test.each(["encrypt", "nonsense", "", "constructor", "__proto__"])("there is no type %j", (type) => {
    expect(refusalOf(type, all)).toBe(`unsupported invoke type: ${type}`);
  });
});
