import type { Scenario, Step } from "./scenario.ts";
import { UNKNOWN_IDENTIFIER, installSteps, tenantOf, uninstallStep } from "./shared-steps.ts";

const AUTH = { credentials: { k: "v" }, credential_type: "api-key" };
const MODEL = { provider: "p", model: "m", ...AUTH };
const RAW = "00ff";
const SUBSCRIPTION = { subscription: { endpoint: "e", expires_at: -1 } };
const MESSAGES = [
  { role: "user", content: "hi" },
  {
    role: "assistant",
    content: [{ type: "text", data: "x" }],
    tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: "{}" } }],
    name: "n",
    opaque_body: { a: 1 },
  },
];
const LLM = {
  prompt_messages: MESSAGES,
  model_parameters: { t: 0.5 },
  tools: [{ name: "f", description: "d", parameters: { type: "object" } }],
  tool_choice: { mode: "auto" },
  stop: ["s"],
  json_schema: { a: 1 },
  stream: true,
};
const PARTS = [{ content: "c", content_type: "text" }];
const DATASOURCE = { provider: "p", datasource: "d", ...AUTH };
const OAUTH = { provider: "p", redirect_uri: "r" };
/** Path → data with everything that a caller may send, and with the least. */
const ROUTES: Readonly<Record<string, readonly [object, object]>> = {
  "/tool/invoke": [
    { provider: "p", tool: "t", tool_parameters: { a: 1 }, ...AUTH },
    { provider: "p", tool: "t" },
  ],
  "/tool/validate_credentials": [{ provider: "p", ...AUTH }, { provider: "p" }],
  "/tool/get_runtime_parameters": [
    { provider: "p", tool: "t", ...AUTH },
    { provider: "p", tool: "t" },
  ],
  "/agent_strategy/invoke": [
    { agent_strategy_provider: "p", agent_strategy: "s", agent_strategy_params: { a: 1 } },
    { agent_strategy_provider: "p", agent_strategy: "s" },
  ],
  "/llm/invoke": [
    { ...MODEL, model_type: "llm", ...LLM },
    { provider: "p", model: "m", model_type: "llm" },
  ],
  "/llm/num_tokens": [
    { ...MODEL, model_type: "llm", prompt_messages: MESSAGES, tools: LLM.tools },
    { provider: "p", model: "m", model_type: "llm" },
  ],
  "/text_embedding/invoke": [
    { ...MODEL, model_type: "text-embedding", texts: ["a"], input_type: "query" },
    { provider: "p", model: "m", model_type: "text-embedding", texts: [], input_type: "document" },
  ],
  "/text_embedding/num_tokens": [
    { ...MODEL, model_type: "text-embedding", texts: ["a"] },
    { provider: "p", model: "m", model_type: "text-embedding", texts: [] },
  ],
  "/multimodal_embedding/invoke": [
    { ...MODEL, model_type: "text-embedding", documents: PARTS, input_type: "query" },
    { provider: "p", model: "m", model_type: "anything", documents: [], input_type: "document" },
  ],
  "/rerank/invoke": [
    { ...MODEL, model_type: "rerank", query: "q", docs: ["a"], score_threshold: 0.5, top_n: 3 },
    { provider: "p", model: "m", model_type: "rerank", query: "q", docs: [] },
  ],
  "/multimodal_rerank/invoke": [
    { ...MODEL, model_type: "rerank", query: PARTS[0], docs: PARTS, score_threshold: 0.5, top_n: 3 },
    { provider: "p", model: "m", model_type: "anything", query: PARTS[0], docs: [] },
  ],
  "/tts/invoke": [
    { ...MODEL, model_type: "tts", content_text: "x", voice: "v", tenant_id: "t" },
    { provider: "p", model: "m", model_type: "tts", content_text: "x", voice: "v", tenant_id: "t" },
  ],
  "/tts/model/voices": [
    { ...MODEL, model_type: "tts", language: "en" },
    { provider: "p", model: "m", model_type: "tts" },
  ],
  "/speech2text/invoke": [
    { ...MODEL, model_type: "speech2text", file: RAW },
    { provider: "p", model: "m", model_type: "speech2text", file: RAW },
  ],
  "/moderation/invoke": [
    { ...MODEL, model_type: "moderation", text: "x" },
    { provider: "p", model: "m", model_type: "moderation", text: "x" },
  ],
  "/model/validate_provider_credentials": [{ provider: "p", ...AUTH }, { provider: "p" }],
  "/model/validate_model_credentials": [
    { ...MODEL, model_type: "multimodal-rerank" },
    { provider: "p", model: "m", model_type: "llm" },
  ],
  "/model/schema": [
    { ...MODEL, model_type: "text2img" },
    { provider: "p", model: "m", model_type: "llm" },
  ],
  "/model/polling/start": [
    { ...MODEL, model_type: "llm", ...LLM },
    { provider: "p", model: "m", model_type: "llm" },
  ],
  "/model/polling/check": [
    { ...MODEL, model_type: "llm", plugin_state: { a: 1 } },
    { provider: "p", model: "m", model_type: "llm", plugin_state: { a: null } },
  ],
  "/oauth/get_authorization_url": [{ ...OAUTH, system_credentials: { a: 1 } }, OAUTH],
  "/oauth/get_credentials": [
    { ...OAUTH, system_credentials: { a: 1 }, raw_http_request: RAW },
    { ...OAUTH, raw_http_request: RAW },
  ],
  "/oauth/refresh_credentials": [
    { ...OAUTH, system_credentials: { a: 1 }, credentials: { a: 1 } },
    { ...OAUTH, credentials: {} },
  ],
  "/dynamic_select/fetch_parameter_options": [
    { ...AUTH, provider: "p", provider_action: "a", parameter: "x", parameter_values: { y: 1 } },
    { credentials: {}, provider: "p", provider_action: "a", parameter: "x" },
  ],
  "/datasource/validate_credentials": [{ provider: "p", ...AUTH }, { provider: "p" }],
  "/datasource/get_website_crawl": [
    { ...DATASOURCE, datasource_parameters: { a: 1 } },
    { provider: "p", datasource: "d", datasource_parameters: {} },
  ],
  "/datasource/get_online_document_pages": [
    { ...DATASOURCE, datasource_parameters: { a: 1 } },
    { provider: "p", datasource: "d", datasource_parameters: {} },
  ],
  "/datasource/get_online_document_page_content": [
    { ...DATASOURCE, page: { a: 1 } },
    { provider: "p", datasource: "d", page: {} },
  ],
  "/datasource/online_drive_browse_files": [
    { ...DATASOURCE, request: { bucket: "b", prefix: "p", max_keys: 3, next_page_parameters: { a: 1 } } },
    { provider: "p", datasource: "d", request: { max_keys: 1 } },
  ],
  "/datasource/online_drive_download_file": [
    { ...DATASOURCE, request: { bucket: "b", id: "i" } },
    { provider: "p", datasource: "d", request: { id: "i" } },
  ],
  "/trigger/invoke_event": [
    {
      ...AUTH,
      provider: "p",
      event: "e",
      raw_http_request: RAW,
      parameters: { a: 1 },
      payload: { b: 1 },
      ...SUBSCRIPTION,
    },
    { provider: "p", event: "e", raw_http_request: RAW, subscription: {} },
  ],
  "/trigger/validate_credentials": [{ ...AUTH, provider: "p" }, { provider: "p" }],
  "/trigger/dispatch_event": [
    { ...AUTH, provider: "p", raw_http_request: RAW, ...SUBSCRIPTION },
    { provider: "p", raw_http_request: RAW, subscription: {} },
  ],
  "/trigger/subscribe": [
    { ...AUTH, provider: "p", endpoint: "e", parameters: { a: 1 } },
    { provider: "p", endpoint: "e" },
  ],
  "/trigger/unsubscribe": [
    { ...AUTH, provider: "p", ...SUBSCRIPTION },
    { provider: "p", subscription: {} },
  ],
  "/trigger/refresh": [
    { ...AUTH, provider: "p", ...SUBSCRIPTION },
    { provider: "p", subscription: {} },
  ],
};
const WIRE = "gold/wire";
const DISPATCH = "/plugin/{{tenant}}/dispatch";
const TOOL = { provider: "p", tool: "t" };
const ENVELOPE = {
  user_id: "user-1",
  conversation_id: "c",
  message_id: "m",
  app_id: "a",
  endpoint_id: "e",
  context: { k: [1] },
  plugin_id: "ignored",
  unique_identifier: "ignored",
};
const BIG = JSON.rawJSON("9007199254740993");

function dispatch(name: string, path: string, json: object): Step {
  return { name: `${name} ${path}`, path: `${DISPATCH}${path}`, plugin: WIRE, body: { json } };
}

/** The same without a tenant in the path and with an identifier in place of an id. */
function direct(path: string, data: object): Step {
  return {
    name: `v2 ${path}`,
    path: `/v2/invoke/dispatch${path}`,
    headers: { "X-Plugin-Unique-Identifier": "{{wire}}" },
    body: { json: { tenant_id: "{{tenant}}", user_id: "u", data } },
  };
}

function tool(name: string, json: object, more: Partial<Step> = {}): Step {
  return { name, path: `${DISPATCH}/tool/invoke`, plugin: WIRE, body: { json }, ...more };
}

function directTool(name: string, identifier: string | undefined, json: object): Step {
  return {
    name,
    path: "/v2/invoke/dispatch/tool/invoke",
    ...(identifier !== undefined && { headers: { "X-Plugin-Unique-Identifier": identifier } }),
    body: { json },
  };
}

const ENVELOPES: readonly Step[] = [
  tool("unknown keys", { surprise: 1, data: { ...TOOL, surprise: 2 } }),
  tool("keys in another case", { USER_ID: "u", Data: { Provider: "p", TOOL: "t" } }, { freeText: true }),
  tool("user id that is a number", { user_id: 5, data: TOOL }),
  tool("tenant in the body", { tenant_id: "evil", user_id: "u", data: TOOL }),
  tool(
    "trace header",
    { user_id: "u", data: TOOL },
    { headers: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" } },
  ),
  tool("numbers", {
    user_id: "u",
    data: {
      ...TOOL,
      tool_parameters: {
        big: BIG,
        huge: JSON.rawJSON("123456789012345678901234567890"),
        one: JSON.rawJSON("1.0"),
        exp: JSON.rawJSON("1E3"),
        tiny: JSON.rawJSON("0.1000000000000000055"),
      },
    },
  }),
  tool("texts", {
    user_id: "u",
    data: { ...TOOL, tool_parameters: { a: '<&>\u2028\u2029\u0000\n😀é"\\/' } },
  }),
  tool("JSON with charset", { user_id: "u", data: TOOL }, { contentType: "application/json; charset=utf-8" }),
  {
    name: "data after the JSON",
    path: `${DISPATCH}/tool/invoke`,
    plugin: WIRE,
    contentType: "application/json",
    body: { text: '{"user_id":"u","data":{"provider":"p","tool":"t"}} rest' },
  },
  {
    name: "opaque body",
    path: `${DISPATCH}/llm/invoke`,
    plugin: WIRE,
    body: {
      json: {
        user_id: "u",
        data: {
          provider: "p",
          model: "m",
          model_type: "llm",
          prompt_messages: [
            {
              role: "user",
              content: [{ type: "text", data: "x", opaque_body: { n: BIG } }],
              opaque_body: { n: BIG, one: JSON.rawJSON("1.0") },
            },
          ],
        },
      },
    },
  },
];

const DIRECT_REFUSALS: readonly Step[] = [
  directTool("v2 without header", undefined, { tenant_id: "{{tenant}}", data: TOOL }),
  { ...directTool("v2 malformed header", "x", {}), freeText: true },
  directTool("v2 unknown plugin", UNKNOWN_IDENTIFIER, { tenant_id: "{{tenant}}", data: TOOL }),
  { ...directTool("v2 without tenant", "{{wire}}", { data: TOOL }), freeText: true },
];

/**
 * The plugin `wire` answers every request with an error that holds the request line as it came in on its stdin. So
 * these answers show what a plugin gets for each operation: with everything that a caller may send, with the least,
 * and through both families of routes.
 */
export const wireScenario: Scenario = {
  name: "wire",
  tenant: tenantOf(11),
  steps: [
    ...installSteps("wire.difypkg", "wire"),
    ...Object.entries(ROUTES).flatMap(([path, [everything, least]]) => [
      dispatch("all", path, { ...ENVELOPE, data: everything }),
      dispatch("least", path, { data: least }),
    ]),
    ...Object.entries(ROUTES).map(([path, [everything]]) => direct(path, everything)),
    ...ENVELOPES,
    ...DIRECT_REFUSALS,
    uninstallStep("wire"),
  ],
};
