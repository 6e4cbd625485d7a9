import { expect } from "bun:test";
import type { SdkCall } from "../support/sdk-daemon.ts";

/** How one row of the catalogue is asked of a plugin with the real SDK, and what comes of it. */
export interface SdkCase {
  /** Of the catalogue. */
  readonly path: string;
  /** Of test/fixtures/plugins, without `kitchen-`. */
  readonly plugin: "tools" | "models" | "agent" | "site" | "docs" | "drive" | "trigger";
  /** `fault` is for test/fixtures/plugins/faults.py. */
  data(fault?: string): object;
  /** What the plugin answers, as it arrives at the client. */
  readonly items: readonly unknown[];
  /** How the SDK passes on an exception before the first item. */
  readonly raises: RaisedAs | Impossible;
  /** The same after the second item, or after the last where there are fewer. */
  readonly raisesLater: RaisedAs | Impossible;
  /** What comes of a handler that yields or returns nothing. */
  readonly nothing: { readonly items: readonly unknown[] } | { readonly failure: object } | Impossible;
}

/** A case that no plugin with the SDK can bring about, and why. */
export interface Impossible {
  readonly impossible: string;
}

/** The error that a client has to see for an exception, or undefined when the SDK makes an answer of it. */
export type RaisedAs = (exception: string) => RaisedError | undefined;

export interface RaisedError {
  readonly error_type: string;
  readonly message: string;
}

/** All that `dify_plugin.errors` has (0.10.2), and what Python itself raises most. */
export const EXCEPTIONS = [
  "InvokeError",
  "InvokeConnectionError",
  "InvokeServerUnavailableError",
  "InvokeRateLimitError",
  "InvokeAuthorizationError",
  "InvokeBadRequestError",
  "CredentialsValidateFailedError",
  "ToolProviderCredentialValidationError",
  "ToolProviderOAuthError",
  "DatasourceCredentialValidationError",
  "DatasourceOAuthError",
  "TriggerError",
  "SubscriptionError",
  "UnsubscribeError",
  "TriggerValidationError",
  "TriggerProviderCredentialValidationError",
  "TriggerDispatchError",
  "TriggerProviderOAuthError",
  "EventIgnoreError",
  "ValueError",
  "KeyError",
  "RuntimeError",
  "TimeoutError",
  "NotImplementedError",
] as const;

const REASON = "reason <&> é 😀\u2028";

const asItIs: RaisedAs = (name) => ({
  error_type: name,
  message: name === "KeyError" ? "'reason <&> é 😀\\u2028'" : REASON,
});

/** Models sort exceptions into five kinds, by a mapping of the plugin's own. */
const KINDS: Readonly<Record<string, readonly [type: string, description: string]>> = {
  InvokeConnectionError: ["InvokeConnectionError", "Connection Error"],
  InvokeServerUnavailableError: ["InvokeServerUnavailableError", "Server Unavailable Error"],
  TimeoutError: ["InvokeServerUnavailableError", "Server Unavailable Error"],
  InvokeRateLimitError: ["InvokeRateLimitError", "Rate Limit Error"],
  InvokeBadRequestError: ["InvokeBadRequestError", "Bad Request Error"],
  KeyError: ["InvokeBadRequestError", "Bad Request Error"],
};
const sorted: RaisedAs = (name) => {
  const { message } = asItIs(name) ?? { message: "" };
  if (name === "InvokeAuthorizationError")
    return {
      error_type: name,
      message: "[models] Incorrect model credentials provided, please check and try again. ",
    };
  const [type, description] = KINDS[name] ?? [];
  return type === undefined
    ? { error_type: "InvokeError", message: `[models] Error: ${message}` }
    : { error_type: type, message: `[models] ${description}, ${message}` };
};
const sortedIfImplemented: RaisedAs = (name) =>
  name === "NotImplementedError" ? asItIs(name) : sorted(name);

const NONE = { items: [] };
const ONE_ANSWER: Impossible = {
  impossible: "the only item is what the handler returns, so no code of the plugin runs after it",
};
const NO_HANDLER: Impossible = {
  impossible: "no release of the SDK has a handler for this action, and then it answers nothing at all",
};
/** The SDK reads members of what it expects to have been returned. */
const NOT_AN_ANSWER = { failure: { error_type: "AttributeError" } };

function withFault(values: object, fault: string | undefined): object {
  return fault === undefined ? values : { ...values, fault };
}
const key = (fault?: string) => withFault({ api_key: "good-1" }, fault);
const token = (fault?: string) => withFault({ token: "good" }, fault);
const hex = (text: string) => Buffer.from(text).toString("hex");
const text = (value: string) => ({ type: "text", message: { text: value }, meta: null });
const oneLanguage = (value: string) => ({ zh_Hans: value, pt_BR: value, ja_JP: value, en_US: value });

const tool = { provider: "kitchen", tool: "say" };
const TOOL: readonly SdkCase[] = [
  {
    path: "/tool/invoke",
    plugin: "tools",
    data: (fault) => ({ ...tool, tool_parameters: { what: "text", n: 3 }, credentials: key(fault) }),
    items: [text("part 0"), text("part 1"), text("part 2")],
    raises: asItIs,
    raisesLater: asItIs,
    nothing: NONE,
  },
  {
    path: "/tool/validate_credentials",
    plugin: "tools",
    data: (fault) => ({ provider: "kitchen", credentials: key(fault) }),
    items: [{ result: true }],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: { items: [{ result: true }] },
  },
  {
    path: "/tool/get_runtime_parameters",
    plugin: "tools",
    data: (fault) => ({ provider: "kitchen", tool: "runtime", credentials: key(fault) }),
    items: [],
    raises: NO_HANDLER,
    raisesLater: NO_HANDLER,
    nothing: NO_HANDLER,
  },
  {
    path: "/dynamic_select/fetch_parameter_options",
    plugin: "tools",
    data: (fault) => ({
      provider: "kitchen",
      provider_action: "form",
      parameter: "dyn",
      credential_type: "api-key",
      credentials: key(fault),
    }),
    items: [
      {
        options: [
          { value: "a", label: { zh_Hans: "甲", pt_BR: "A", ja_JP: "A", en_US: "A" }, icon: "" },
          { value: "b", label: oneLanguage("good-1"), icon: "https://example.com/b.png" },
        ],
      },
    ],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: { items: [{ options: [] }] },
  },
];

const oauth = { provider: "kitchen", redirect_uri: "https://example.com/cb" };
const OAUTH: readonly SdkCase[] = [
  {
    path: "/oauth/get_authorization_url",
    plugin: "tools",
    data: (fault) => ({ ...oauth, system_credentials: withFault({ client_id: "id-1" }, fault) }),
    items: [
      {
        authorization_url: "https://example.com/authorize?client_id=id-1&redirect_uri=https://example.com/cb",
      },
    ],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: { items: [{ authorization_url: "" }] },
  },
  {
    path: "/oauth/get_credentials",
    plugin: "tools",
    data: (fault) => ({
      ...oauth,
      system_credentials: withFault({ client_id: "id-1" }, fault),
      raw_http_request: hex("GET /cb?code=abc HTTP/1.1\r\nHost: example.com\r\nX-Via: browser\r\n\r\n"),
    }),
    items: [
      {
        credentials: {
          access_token: "token-abc",
          via: "browser",
          method: "GET",
          redirect_uri: oauth.redirect_uri,
        },
        expires_at: 1893456000,
      },
    ],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: NOT_AN_ANSWER,
  },
  {
    path: "/oauth/refresh_credentials",
    plugin: "tools",
    data: (fault) => ({
      ...oauth,
      system_credentials: withFault({}, fault),
      credentials: { access_token: "t" },
    }),
    items: [{ credentials: { access_token: "t+" }, expires_at: -1 }],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: NOT_AN_ANSWER,
  },
];

const AGENT: readonly SdkCase[] = [
  {
    path: "/agent_strategy/invoke",
    plugin: "agent",
    data: (fault) => ({
      agent_strategy_provider: "kitchen",
      agent_strategy: "walk",
      agent_strategy_params: withFault({ instruction: "go", query: "where", maximum_iterations: 5 }, fault),
    }),
    items: [
      expect.objectContaining({ type: "log" }),
      text("answer to where"),
      {
        type: "json",
        message: {
          json_object: {
            keys: ["instruction", "maximum_iterations", "query"],
            app: null,
            context: { credentials: { tool_credentials: {} } },
          },
        },
        meta: null,
      },
      {
        type: "log",
        message: {
          id: expect.any(String),
          label: "round 1",
          parent_id: null,
          error: null,
          status: "success",
          data: { steps: 5 },
          metadata: null,
        },
        meta: null,
      },
    ],
    raises: asItIs,
    raisesLater: asItIs,
    nothing: NONE,
  },
];

function model(type: string, name: string, fields: object) {
  return (fault?: string) => ({
    provider: "kitchen",
    model_type: type,
    model: name,
    credentials: key(fault),
    ...fields,
  });
}
const prompt = {
  prompt_messages: [{ role: "user", content: "hi" }],
  model_parameters: {},
  tools: null,
  stop: null,
};
const embeddingUsage = (tokens: number, total: string) => ({
  tokens,
  total_tokens: tokens,
  unit_price: "0.1",
  price_unit: "0.001",
  total_price: total,
  currency: "USD",
  latency: 0.25,
});
function llmChunk(index: number, content: string) {
  return {
    model: "chef-1",
    prompt_messages: [],
    system_fingerprint: "fp-1",
    delta: {
      index,
      message: { role: "assistant", content, name: "", tool_calls: [], tool_call_id: "", opaque_body: null },
      usage: null,
      finish_reason: null,
    },
  };
}
const MODEL: readonly SdkCase[] = [
  {
    path: "/llm/invoke",
    plugin: "models",
    data: model("llm", "chef-1", { ...prompt, stream: true }),
    items: [
      llmChunk(0, "Hel"),
      llmChunk(1, "lo "),
      llmChunk(2, "wörld \u2028😀"),
      expect.objectContaining({ delta: expect.objectContaining({ finish_reason: "stop" }) }),
    ],
    raises: sorted,
    raisesLater: asItIs,
    nothing: NONE,
  },
  {
    path: "/llm/num_tokens",
    plugin: "models",
    data: model("llm", "chef-1", { prompt_messages: prompt.prompt_messages, tools: null }),
    items: [{ num_tokens: 10 }],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: { items: [{ num_tokens: 0 }] },
  },
  {
    path: "/text_embedding/invoke",
    plugin: "models",
    data: model("text-embedding", "vec-1", { texts: ["a", "bb é"], input_type: "query" }),
    items: [
      {
        model: "vec-1",
        embeddings: [
          [1, 0.1, -1e-9, 1 / 3, 2],
          [4, 0.1, -1e-9, 1 / 3, 2],
        ],
        usage: embeddingUsage(2, "0.0002"),
      },
    ],
    raises: sorted,
    raisesLater: ONE_ANSWER,
    nothing: NONE,
  },
  {
    path: "/text_embedding/num_tokens",
    plugin: "models",
    data: model("text-embedding", "vec-1", { texts: ["a", "bbb"] }),
    items: [{ num_tokens: [1, 3] }],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: { failure: { error_type: "unmarshal_error" } },
  },
  {
    path: "/multimodal_embedding/invoke",
    plugin: "models",
    data: model("text-embedding", "vec-1", {
      documents: [
        { content: "a", content_type: "text" },
        { content: "AA==", content_type: "image" },
      ],
      input_type: "document",
    }),
    items: [
      {
        model: "vec-1",
        embeddings: [
          [0.5, 0],
          [0.5, 1],
        ],
        usage: embeddingUsage(2, "0.0002"),
      },
    ],
    raises: sortedIfImplemented,
    raisesLater: ONE_ANSWER,
    nothing: NONE,
  },
  {
    path: "/rerank/invoke",
    plugin: "models",
    data: model("rerank", "order-1", { query: "q", docs: ["a", "b", "c"], score_threshold: 0.4, top_n: 5 }),
    items: [
      {
        model: "order-1",
        docs: [
          { index: 0, text: "a", score: 1 },
          { index: 1, text: "b", score: 0.5 },
        ],
      },
    ],
    raises: sorted,
    raisesLater: ONE_ANSWER,
    nothing: NONE,
  },
  {
    path: "/multimodal_rerank/invoke",
    plugin: "models",
    data: model("rerank", "order-1", {
      query: { content: "q", content_type: "text" },
      docs: [{ content: "AA==", content_type: "image" }],
      score_threshold: null,
      top_n: 3,
    }),
    items: [{ model: "order-1", docs: [{ index: 0, text: "text:image", score: 0.5 }] }],
    raises: sortedIfImplemented,
    raisesLater: ONE_ANSWER,
    nothing: NONE,
  },
  {
    path: "/tts/invoke",
    plugin: "models",
    data: model("tts", "voice-1", { content_text: "hello", voice: "anna", tenant_id: "t" }),
    items: ["00ff", "01ff", "02ff"].map((part) => ({ result: part.repeat(10), mime_type: "audio/mpeg" })),
    raises: sorted,
    raisesLater: sorted,
    nothing: NONE,
  },
  {
    path: "/tts/model/voices",
    plugin: "models",
    data: model("tts", "voice-1", { language: null }),
    items: [
      {
        voices: [
          { name: "Anna", value: "anna" },
          { name: "Bert", value: "bert" },
        ],
      },
    ],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: { items: [{ voices: [] }] },
  },
  {
    path: "/speech2text/invoke",
    plugin: "models",
    data: model("speech2text", "ear-1", { file: "00ff61" }),
    items: [{ result: "heard 3 bytes: 00ff61" }],
    raises: sorted,
    raisesLater: ONE_ANSWER,
    nothing: { items: [{ result: "" }] },
  },
  {
    path: "/moderation/invoke",
    plugin: "models",
    data: model("moderation", "guard-1", { text: "bad" }),
    items: [{ result: true }],
    raises: sorted,
    raisesLater: ONE_ANSWER,
    nothing: { items: [{ result: false }] },
  },
  {
    path: "/model/validate_provider_credentials",
    plugin: "models",
    data: (fault) => ({ provider: "kitchen", credentials: key(fault) }),
    items: [{ result: true, credentials: { api_key: "good-1", added: "by the plugin" } }],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: {
      items: [{ result: true, credentials: { api_key: "good-1", fault: "nothing", added: "by the plugin" } }],
    },
  },
  {
    path: "/model/validate_model_credentials",
    plugin: "models",
    data: model("llm", "mine", {}),
    items: [{ result: true, credentials: { api_key: "good-1" } }],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: { items: [{ result: true, credentials: { api_key: "good-1", fault: "nothing" } }] },
  },
  {
    path: "/model/schema",
    plugin: "models",
    data: model("llm", "mine", {}),
    items: [
      {
        model_schema: expect.objectContaining({
          model: "mine",
          model_type: "llm",
          fetch_from: "customizable-model",
          model_properties: { context_size: 4096, mode: "chat" },
        }),
      },
    ],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: { items: [{ model_schema: null }] },
  },
  {
    path: "/model/polling/start",
    plugin: "models",
    data: model("llm", "chef-1", { ...prompt, stream: false, json_schema: { type: "object" } }),
    items: [
      expect.objectContaining({
        status: "running",
        plugin_state: { task: "t-1", n: 2 ** 53, schema: { type: "object" } },
        next_check_after_seconds: 5,
      }),
    ],
    raises: sorted,
    raisesLater: ONE_ANSWER,
    nothing: { failure: { message: "no polling result received from plugin" } },
  },
  {
    path: "/model/polling/check",
    plugin: "models",
    data: model("llm", "chef-1", { plugin_state: { task: "bad" } }),
    items: [expect.objectContaining({ status: "failed", error: "it failed" })],
    raises: sorted,
    raisesLater: ONE_ANSWER,
    nothing: { failure: { message: "no polling result received from plugin" } },
  },
];

const source = (datasource: string, fields: object) => (fault?: string) => ({
  provider: "kitchen",
  datasource,
  credentials: token(fault),
  ...fields,
});
const page = (index: number) => ({
  source_url: `u/${index}`,
  content: `# Page ${index} é`,
  title: `P${index}`,
  description: "",
});
const crawled = (status: string, completed: number) => ({
  result: {
    status,
    web_info_list: [0, 1, 2].slice(0, completed).map(page),
    total: 3,
    completed,
  },
});
const variable = (name: string, value: string) => ({
  type: "variable",
  message: { variable_name: name, variable_value: value, stream: false },
  meta: null,
});
const DATASOURCE: readonly SdkCase[] = [
  {
    path: "/datasource/validate_credentials",
    plugin: "site",
    data: (fault) => ({ provider: "kitchen", credentials: token(fault) }),
    items: [{ result: true }],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: { items: [{ result: true }] },
  },
  {
    path: "/datasource/get_website_crawl",
    plugin: "site",
    data: source("site", { datasource_parameters: { url: "u" } }),
    items: [
      crawled("processing", 0),
      crawled("processing", 1),
      crawled("processing", 2),
      crawled("completed", 3),
    ],
    raises: asItIs,
    raisesLater: asItIs,
    nothing: NONE,
  },
  {
    path: "/datasource/get_online_document_pages",
    plugin: "docs",
    data: source("docs", { datasource_parameters: {} }),
    items: [
      {
        result: [
          {
            workspace_id: "w",
            workspace_name: "W",
            workspace_icon: "",
            total: 2,
            pages: [
              {
                page_id: "p1",
                page_name: "First",
                page_icon: { type: "emoji", emoji: "😀" },
                type: "page",
                last_edited_time: "2026-01-01T00:00:00Z",
                parent_id: "root",
              },
              expect.objectContaining({ page_id: "p2", page_icon: null, parent_id: null }),
            ],
          },
        ],
      },
    ],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    // The SDK itself cannot write it.
    nothing: { failure: { error_type: "ValidationError" } },
  },
  {
    path: "/datasource/get_online_document_page_content",
    plugin: "docs",
    data: source("docs", { page: { workspace_id: "w", page_id: "p1", type: "page" } }),
    items: [
      variable("content", "content of p1 in w (page)"),
      variable("page_id", "p1"),
      {
        type: "blob",
        message: { blob: Buffer.from("x".repeat(9000)).toString("base64") },
        meta: { mime_type: "text/plain", file_name: "a.txt" },
      },
    ],
    raises: asItIs,
    raisesLater: asItIs,
    nothing: NONE,
  },
  {
    path: "/datasource/online_drive_browse_files",
    plugin: "drive",
    data: source("drive", {
      request: { bucket: "b", prefix: "p/", max_keys: 1, next_page_parameters: { n: 1 } },
    }),
    items: [
      {
        result: [
          {
            bucket: "b",
            files: [
              { id: "f1", name: "a é.txt", size: 2 ** 40, type: "file" },
              { id: "d1", name: "p/|1|{'n': 1}", size: 0, type: "folder" },
            ],
            is_truncated: true,
            next_page_parameters: { after: "f1", n: 1 },
          },
        ],
      },
    ],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: { failure: { error_type: "ValidationError" } },
  },
  {
    path: "/datasource/online_drive_download_file",
    plugin: "drive",
    data: source("drive", { request: { bucket: null, id: "f1" } }),
    items: [
      {
        type: "blob",
        message: { blob: Buffer.from("0001ff".repeat(10), "hex").toString("base64") },
        meta: { file_name: "f1", mime_type: "application/octet-stream" },
      },
    ],
    raises: asItIs,
    raisesLater: asItIs,
    nothing: NONE,
  },
];

const subscription = {
  expires_at: 1893456000,
  endpoint: "https://example.com/t/1",
  parameters: { room: ["hall"] },
  properties: { room: "hall" },
};
const trigger = (fields: object) => (fault?: string) => ({
  provider: "kitchen",
  credential_type: "api-key",
  credentials: token(fault),
  ...fields,
});
const hook = (body: string) =>
  hex(
    `POST /hook?x=1 HTTP/1.1\r\nHost: example.com\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
const TRIGGER: readonly SdkCase[] = [
  {
    path: "/trigger/invoke_event",
    plugin: "trigger",
    data: trigger({
      event: "ding",
      subscription,
      raw_http_request: hook("{}"),
      parameters: { min: 1 },
      payload: { n: 5 },
    }),
    items: [
      {
        variables: { n: 5, event: "ding", method: "POST", body: "{}", endpoint: subscription.endpoint },
        cancelled: false,
      },
    ],
    // The SDK makes an answer of it: an event that is to be ignored.
    raises: (name) => (name === "EventIgnoreError" ? undefined : asItIs(name)),
    raisesLater: ONE_ANSWER,
    nothing: NOT_AN_ANSWER,
  },
  {
    path: "/trigger/validate_credentials",
    plugin: "trigger",
    data: (fault) => ({ provider: "kitchen", credentials: token(fault) }),
    items: [{ result: true }],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: { items: [{ result: true }] },
  },
  {
    path: "/trigger/dispatch_event",
    plugin: "trigger",
    data: trigger({ subscription, raw_http_request: hook('{"user":"ann","events":["ding","dong"],"n":7}') }),
    items: [
      {
        user_id: "ann",
        events: ["ding", "dong"],
        payload: { n: 7, path: "/hook?x=1", room: "hall" },
        response: expect.any(String),
      },
    ],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: NOT_AN_ANSWER,
  },
  {
    path: "/trigger/subscribe",
    plugin: "trigger",
    data: trigger({ endpoint: subscription.endpoint, parameters: { room: "hall" } }),
    items: [
      {
        subscription: {
          expires_at: 1893456000,
          endpoint: subscription.endpoint,
          parameters: { room: "hall" },
          properties: { room: "hall", via: "api-key" },
        },
      },
    ],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: NOT_AN_ANSWER,
  },
  {
    path: "/trigger/unsubscribe",
    plugin: "trigger",
    data: trigger({ subscription }),
    items: [{ subscription: { success: true, message: "left" } }],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: NOT_AN_ANSWER,
  },
  {
    path: "/trigger/refresh",
    plugin: "trigger",
    data: trigger({ subscription }),
    items: [
      {
        subscription: {
          expires_at: 1893456001,
          endpoint: subscription.endpoint,
          parameters: null,
          properties: { room: "hall" },
        },
      },
    ],
    raises: asItIs,
    raisesLater: ONE_ANSWER,
    nothing: NOT_AN_ANSWER,
  },
];

/** One for each row of the catalogue. */
export const SDK_CASES: readonly SdkCase[] = [
  ...TOOL,
  ...OAUTH,
  ...AGENT,
  ...MODEL,
  ...DATASOURCE,
  ...TRIGGER,
];

export function callOf(one: SdkCase, fault?: string): SdkCall {
  return { path: one.path, data: one.data(fault) };
}
