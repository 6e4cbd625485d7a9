import type { Scenario, Step } from "./scenario.ts";
import { callsOf, hexOf, installSteps, tenantOf, uninstallStep } from "./shared-steps.ts";

const MANAGEMENT = "/plugin/{{tenant}}/management";
const FREE = { freeText: true } as const;
const CREDENTIALS = { token: "good" };
const BASE = { provider: "kitchen", credentials: CREDENTIALS, credential_type: "api-key" };
const ENDPOINT = "https://example.com/t/1";
const SUBSCRIPTION = {
  expires_at: 1893456000,
  endpoint: ENDPOINT,
  parameters: { room: ["hall"] },
  properties: { room: "hall", secret: "s" },
};
const SUBSCRIBED = { ...BASE, subscription: SUBSCRIPTION };
const OAUTH = { provider: "kitchen", redirect_uri: "https://example.com/cb", system_credentials: {} };
const CALLBACK = hexOf("GET /cb?code=abc HTTP/1.1\r\nHost: example.com\r\n\r\n");

const call = callsOf("gold/kitchen-trigger");

/** A request of the service that fires the events. */
function webhook(body: string, header = ""): string {
  return hexOf(
    `POST /hook?x=1&y=%20z HTTP/1.1\r\nHost: example.com\r\nContent-Type: application/json\r\n${header}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

const STEPS: readonly Step[] = [
  { name: "triggers", path: `${MANAGEMENT}/triggers?page=1&page_size=256`, unordered: ["json.data"] },
  { name: "triggers without paging", path: `${MANAGEMENT}/triggers`, ...FREE },
  { name: "trigger", path: `${MANAGEMENT}/trigger?plugin_id=gold/kitchen-trigger&provider=kitchen` },
  {
    name: "trigger, other provider",
    path: `${MANAGEMENT}/trigger?plugin_id=gold/kitchen-trigger&provider=none`,
  },
  { name: "trigger, other plugin", path: `${MANAGEMENT}/trigger?plugin_id=gold/none&provider=kitchen` },
  { name: "trigger, missing parameter", path: `${MANAGEMENT}/trigger?provider=kitchen`, ...FREE },
  { name: "list of triggers by category", path: `${MANAGEMENT}/trigger/list?page=1&page_size=10` },
  call("credentials ok", "/trigger/validate_credentials", { provider: "kitchen", credentials: CREDENTIALS }),
  call("credentials wrong", "/trigger/validate_credentials", { provider: "kitchen", credentials: {} }),
  call("credentials, unknown provider", "/trigger/validate_credentials", {
    provider: "none",
    credentials: CREDENTIALS,
  }),
  call("credentials, no provider", "/trigger/validate_credentials", {}, FREE),
  call("subscribe", "/trigger/subscribe", {
    ...BASE,
    endpoint: ENDPOINT,
    parameters: { room: ["hall"] },
  }),
  call("subscribe by oauth", "/trigger/subscribe", {
    ...BASE,
    credential_type: "oauth2",
    endpoint: ENDPOINT,
    parameters: { room: "hall", n: JSON.rawJSON("9007199254740993") },
  }),
  call("subscribe refused", "/trigger/subscribe", {
    ...BASE,
    endpoint: ENDPOINT,
    parameters: { room: "closed" },
  }),
  call("subscribe, no endpoint", "/trigger/subscribe", { ...BASE, parameters: {} }, FREE),
  call("subscribe, no parameters", "/trigger/subscribe", { ...BASE, endpoint: ENDPOINT }, FREE),
  call("unsubscribe", "/trigger/unsubscribe", { ...SUBSCRIBED }),
  call("unsubscribe refused", "/trigger/unsubscribe", {
    ...BASE,
    subscription: { ...SUBSCRIPTION, properties: { room: "stuck" } },
  }),
  call("unsubscribe, no subscription", "/trigger/unsubscribe", BASE, FREE),
  call("refresh", "/trigger/refresh", { ...SUBSCRIBED }),
  call(
    "refresh, half a subscription",
    "/trigger/refresh",
    { ...BASE, subscription: { properties: {} } },
    FREE,
  ),
  call("refresh, no subscription", "/trigger/refresh", BASE, FREE),
  {
    ...call("dispatch", "/trigger/dispatch_event", {}),
    body: {
      json: {
        data: {
          ...SUBSCRIBED,
          raw_http_request: webhook('{"user":"ann","events":["ding","dong"],"n":7}'),
        },
      },
    },
  },
  call("dispatch, no events", "/trigger/dispatch_event", {
    ...SUBSCRIBED,
    raw_http_request: webhook('{"n":1.5}'),
  }),
  call("dispatch, bad signature", "/trigger/dispatch_event", {
    ...SUBSCRIBED,
    raw_http_request: webhook("{}", "X-Sign: bad\r\n"),
  }),
  call("dispatch, no body", "/trigger/dispatch_event", {
    ...SUBSCRIBED,
    raw_http_request: webhook(""),
  }),
  call("dispatch, no hex", "/trigger/dispatch_event", { ...SUBSCRIBED, raw_http_request: "zz" }, FREE),
  call("dispatch, no request", "/trigger/dispatch_event", { ...SUBSCRIBED }, FREE),
  call(
    "dispatch, no credentials",
    "/trigger/dispatch_event",
    { provider: "kitchen", subscription: SUBSCRIPTION, raw_http_request: webhook('{"events":["ding"]}') },
    FREE,
  ),
  call("event", "/trigger/invoke_event", {
    ...SUBSCRIBED,
    event: "ding",
    raw_http_request: webhook("{}"),
    parameters: { min: 1 },
    payload: { n: 5, é: "😀" },
  }),
  call("event ignored", "/trigger/invoke_event", {
    ...SUBSCRIBED,
    event: "dong",
    raw_http_request: webhook("{}"),
    parameters: { min: 10 },
    payload: { n: 5 },
  }),
  call("event fails", "/trigger/invoke_event", {
    ...SUBSCRIBED,
    event: "ding",
    raw_http_request: webhook("{}"),
    parameters: {},
    payload: { n: 13 },
  }),
  call("unknown event", "/trigger/invoke_event", {
    ...SUBSCRIBED,
    event: "none",
    raw_http_request: webhook("{}"),
    parameters: {},
    payload: {},
  }),
  call("event, no event", "/trigger/invoke_event", { ...SUBSCRIBED, raw_http_request: "00" }, FREE),
  call(
    "event, parameters missing",
    "/trigger/invoke_event",
    { ...SUBSCRIBED, event: "ding", raw_http_request: webhook("{}") },
    FREE,
  ),
  call("options of the constructor", "/dynamic_select/fetch_parameter_options", {
    ...BASE,
    provider_action: "provider",
    parameter: "room",
  }),
  call("options of an event", "/dynamic_select/fetch_parameter_options", {
    ...BASE,
    provider_action: "ding",
    parameter: "pick",
  }),
  call("oauth url", "/oauth/get_authorization_url", {
    ...OAUTH,
  }),
  call("oauth credentials", "/oauth/get_credentials", {
    ...OAUTH,
    raw_http_request: CALLBACK,
  }),
  call("oauth refresh", "/oauth/refresh_credentials", {
    ...OAUTH,
    credentials: {},
  }),
];

/** Subscriptions, events, and the options and OAuth of a trigger provider. */
export const triggersScenario: Scenario = {
  name: "triggers",
  tenant: tenantOf(8),
  steps: [...installSteps("kitchen-trigger.difypkg", "trigger"), ...STEPS, uninstallStep("trigger")],
};
