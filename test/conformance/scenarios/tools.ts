import type { Scenario, Step } from "./scenario.ts";
import { type CallOptions, callsOf, hexOf, installSteps, tenantOf, uninstallStep } from "./shared-steps.ts";

const MANAGEMENT = "/plugin/{{tenant}}/management";
const FREE = { freeText: true } as const;
const CREDENTIALS = { api_key: "good-1", region: "eu" };
const OAUTH = { provider: "kitchen", redirect_uri: "https://example.com/cb" };
const FILE = {
  dify_model_identity: "__dify__file__",
  url: "https://example.com/f.pdf",
  mime_type: "application/pdf",
  type: "document",
  filename: "f.pdf",
  extension: ".pdf",
  size: 12,
};
const CALLBACK = hexOf(
  "GET /callback?code=abc&state=s%20t HTTP/1.1\r\nHost: example.com\r\nX-Via: browser\r\n\r\n",
);
/** Ids of log entries differ from run to run. */
const LOG_IDS = ["frames.*.data.message.id", "frames.*.data.message.parent_id"];

const call = callsOf("gold/kitchen-tools");

/** A call of the tool `say`, which emits every kind of message. */
function say(what: string, more: object = {}, options: CallOptions = {}): Step {
  const parameters = Object.keys(more).length > 0 ? ` ${JSON.stringify(more)}` : "";
  return call(
    `say ${what}${parameters}`,
    "/tool/invoke",
    { provider: "kitchen", tool: "say", tool_parameters: { what, ...more }, credentials: CREDENTIALS },
    options,
  );
}

/** A call of the tool `fail`, which raises this exception after so many messages. */
function fail(error: string, after = 0): Step {
  return call(`fail ${error} after ${after}`, "/tool/invoke", {
    provider: "kitchen",
    tool: "fail",
    tool_parameters: { error, after },
    credentials: CREDENTIALS,
  });
}

/** `say` in the words of a caller. */
const ECHO = {
  provider: "kitchen",
  tool: "say",
  tool_parameters: { what: "echo" },
  credentials: CREDENTIALS,
};
const OPTIONS = {
  provider: "kitchen",
  provider_action: "form",
  parameter: "dyn",
  credentials: CREDENTIALS,
  credential_type: "api-key",
};

const DECLARATIONS: readonly Step[] = [
  { name: "tools", path: `${MANAGEMENT}/tools?page=1&page_size=256`, unordered: ["json.data"] },
  { name: "tools, second page", path: `${MANAGEMENT}/tools?page=2&page_size=256` },
  { name: "tools without paging", path: `${MANAGEMENT}/tools`, ...FREE },
  { name: "tool", path: `${MANAGEMENT}/tool?plugin_id=gold/kitchen-tools&provider=kitchen` },
  { name: "tool, other provider", path: `${MANAGEMENT}/tool?plugin_id=gold/kitchen-tools&provider=none` },
  { name: "tool, other plugin", path: `${MANAGEMENT}/tool?plugin_id=gold/none&provider=kitchen` },
  { name: "tool, missing parameter", path: `${MANAGEMENT}/tool?plugin_id=gold/kitchen-tools`, ...FREE },
  {
    name: "check existence",
    path: `${MANAGEMENT}/tools/check_existence`,
    body: {
      json: {
        provider_ids: [
          { plugin_id: "gold/kitchen-tools", provider_name: "kitchen" },
          { plugin_id: "gold/kitchen-tools", provider_name: "x" },
          { plugin_id: "gold/none", provider_name: "kitchen" },
        ],
      },
    },
  },
  {
    name: "check existence, nothing asked",
    path: `${MANAGEMENT}/tools/check_existence`,
    body: { json: { provider_ids: [] } },
  },
  {
    name: "check existence, half an entry",
    path: `${MANAGEMENT}/tools/check_existence`,
    body: { json: { provider_ids: [{ plugin_id: "a/b" }] } },
    ...FREE,
  },
  { name: "list with a whole declaration", path: `${MANAGEMENT}/list?page=1&page_size=100` },
];

const MESSAGES: readonly Step[] = [
  say("text"),
  say("text", { n: 5 }),
  say("empty-text"),
  say("odd-text"),
  say("nothing"),
  say("json"),
  say("numbers"),
  say("link"),
  say("image"),
  say("blob"),
  say("big-blob", { n: 8192 }),
  say("big-blob", { n: 8193 }),
  say("big-blob", { n: 20000 }),
  say("big-text", { n: 100000 }),
  say("big-text", { n: 2000000 }),
  say("variable"),
  say("stream-variable"),
  say("log", {}, { ignored: LOG_IDS }),
  say("file"),
  say("resources"),
  say("print"),
  say("unheard of"),
  say("text", { n: 1500 }),
];

/** What reaches a tool. */
const PARAMETERS: readonly Step[] = [
  say("echo"),
  say(
    "echo",
    { é: "ü😀\u2028", nested: { a: [1, 2.5, null, true], b: {} }, empty: "" },
    {
      envelope: {
        conversation_id: "c-1",
        message_id: "m-1",
        app_id: "a-1",
        endpoint_id: "e-1",
        context: { credentials: { tool_credentials: { p: "cred-1" } } },
      },
    },
  ),
  say("echo", {
    big: JSON.rawJSON("9007199254740993"),
    float: JSON.rawJSON("1.0"),
    exp: JSON.rawJSON("1e3"),
    tiny: JSON.rawJSON("5e-324"),
  }),
  say("echo", { file: FILE, files: [FILE, FILE] }),
  call("credential type", "/tool/invoke", {
    ...ECHO,
    credential_type: "oauth2",
  }),
  call(
    "unknown credential type",
    "/tool/invoke",
    {
      ...ECHO,
      credential_type: "nonsense",
    },
    FREE,
  ),
  call("no credentials, no parameters", "/tool/invoke", { provider: "kitchen", tool: "say" }, FREE),
  call(
    "null parameters",
    "/tool/invoke",
    { provider: "kitchen", tool: "say", tool_parameters: null, credentials: {} },
    FREE,
  ),
  {
    ...call("no user", "/tool/invoke", {
      ...ECHO,
    }),
    body: {
      json: {
        data: ECHO,
      },
    },
  },
  call("unknown keys in data", "/tool/invoke", {
    ...ECHO,
    surprise: 1,
  }),
  call("unknown provider", "/tool/invoke", {
    provider: "none",
    tool: "say",
    tool_parameters: { what: "text" },
    credentials: CREDENTIALS,
  }),
  call("unknown tool", "/tool/invoke", {
    provider: "kitchen",
    tool: "none",
    tool_parameters: { what: "text" },
    credentials: CREDENTIALS,
  }),
  call("no tool", "/tool/invoke", { provider: "kitchen", tool_parameters: {} }, FREE),
  call("no provider", "/tool/invoke", { tool: "say" }, FREE),
  call("form tool", "/tool/invoke", {
    provider: "kitchen",
    tool: "form",
    tool_parameters: { s: "a", num: 1.5, b: true, multi: ["a"], obj: { a: 1 }, arr: [1], one_file: FILE },
    credentials: CREDENTIALS,
  }),
];

const EXCEPTIONS: readonly Step[] = [
  ...[
    "ValueError",
    "KeyError",
    "NotImplementedError",
    "TimeoutError",
    "empty",
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
    "StorageInvocationError",
  ].map((error) => fail(error)),
  fail("ValueError", 2),
  fail("InvokeRateLimitError", 2),
  fail("CredentialsValidateFailedError", 1),
];

const OTHER_ACTIONS: readonly Step[] = [
  call("credentials ok", "/tool/validate_credentials", { provider: "kitchen", credentials: CREDENTIALS }),
  call("credentials wrong", "/tool/validate_credentials", {
    provider: "kitchen",
    credentials: { api_key: "bad" },
  }),
  call("credentials, unexpected error", "/tool/validate_credentials", {
    provider: "kitchen",
    credentials: { api_key: "boom" },
  }),
  call("credentials missing", "/tool/validate_credentials", { provider: "kitchen" }, FREE),
  call("credentials of an unknown provider", "/tool/validate_credentials", {
    provider: "none",
    credentials: CREDENTIALS,
  }),
  call("credentials, no provider", "/tool/validate_credentials", { credentials: CREDENTIALS }, FREE),
  call("runtime parameters", "/tool/get_runtime_parameters", {
    provider: "kitchen",
    tool: "runtime",
    credentials: CREDENTIALS,
  }),
  call("runtime parameters of a tool without", "/tool/get_runtime_parameters", {
    provider: "kitchen",
    tool: "say",
    credentials: CREDENTIALS,
  }),
  call("runtime parameters, no tool", "/tool/get_runtime_parameters", { provider: "kitchen" }, FREE),
  call("options", "/dynamic_select/fetch_parameter_options", {
    ...OPTIONS,
  }),
  call("options of another parameter", "/dynamic_select/fetch_parameter_options", {
    ...OPTIONS,
    provider_action: "form",
    parameter: "s",
  }),
  call("options of a tool without", "/dynamic_select/fetch_parameter_options", {
    ...OPTIONS,
    provider_action: "say",
    parameter: "what",
  }),
  call("options of an unknown action", "/dynamic_select/fetch_parameter_options", {
    ...OPTIONS,
    provider_action: "none",
    parameter: "x",
  }),
  call(
    "options, no credentials",
    "/dynamic_select/fetch_parameter_options",
    { provider: "kitchen", provider_action: "form", parameter: "dyn" },
    FREE,
  ),
  call(
    "options, no credential type",
    "/dynamic_select/fetch_parameter_options",
    { provider: "kitchen", provider_action: "form", parameter: "dyn", credentials: CREDENTIALS },
    FREE,
  ),
  call("oauth url", "/oauth/get_authorization_url", {
    ...OAUTH,
    system_credentials: { client_id: "id-1" },
  }),
  call("oauth url refused", "/oauth/get_authorization_url", {
    ...OAUTH,
    system_credentials: {},
  }),
  call("oauth url, no redirect", "/oauth/get_authorization_url", { provider: "kitchen" }, FREE),
  call("oauth url of an unknown provider", "/oauth/get_authorization_url", {
    provider: "none",
    redirect_uri: "https://example.com/cb",
    system_credentials: {},
  }),
  call("oauth credentials", "/oauth/get_credentials", {
    ...OAUTH,
    system_credentials: { client_id: "id-1" },
    raw_http_request: CALLBACK,
  }),
  call("oauth credentials, no code", "/oauth/get_credentials", {
    ...OAUTH,
    system_credentials: {},
    raw_http_request: hexOf("GET /CALLBACK HTTP/1.1\r\nHost: example.com\r\n\r\n"),
  }),
  call(
    "oauth credentials, no hex",
    "/oauth/get_credentials",
    {
      ...OAUTH,
      system_credentials: {},
      raw_http_request: "zz",
    },
    FREE,
  ),
  call("oauth credentials, no request", "/oauth/get_credentials", OAUTH, FREE),
  call("oauth refresh", "/oauth/refresh_credentials", {
    ...OAUTH,
    system_credentials: {},
    credentials: { access_token: "t" },
  }),
  call("oauth refresh, no credentials", "/oauth/refresh_credentials", OAUTH, FREE),
];

const FOREIGN: readonly Step[] = [
  call(
    "model call to a tool plugin",
    "/llm/invoke",
    {
      provider: "kitchen",
      model: "m",
      model_type: "llm",
      credentials: {},
      prompt_messages: [],
      model_parameters: {},
      stream: true,
    },
    FREE,
  ),
];

/** Messages, errors, parameters, credentials, options and OAuth of tools. */
export const toolsScenario: Scenario = {
  name: "tools",
  tenant: tenantOf(4),
  steps: [
    ...installSteps("kitchen-tools.difypkg", "tools"),
    ...DECLARATIONS,
    ...MESSAGES,
    ...PARAMETERS,
    ...EXCEPTIONS,
    ...OTHER_ACTIONS,
    ...FOREIGN,
    uninstallStep("tools"),
  ],
};
