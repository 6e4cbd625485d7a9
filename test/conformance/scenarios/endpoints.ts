import type { Body, Scenario, Step } from "./scenario.ts";
import { installSteps, tenantOf, uninstallStep, UNKNOWN_IDENTIFIER, uploadStep } from "./shared-steps.ts";

const MANAGEMENT = "/plugin/{{tenant}}/management";
const ENDPOINT = "/plugin/{{tenant}}/endpoint";
const OTHER_ENDPOINT = "/plugin/22222222-2222-4333-8444-555555555555/endpoint";
const NO_ENDPOINT = "99999999-2222-4333-8444-555555555555";
const FREE = { freeText: true } as const;
/** The plugin shows the header, so it has to be the recorded one. */
const USER_AGENT = { "User-Agent": "golden" };
/** The first of a list is the one that the next steps are about. */
const NEWEST = {
  capture: { endpoint: "json.data.0.id", hook: "json.data.0.hook_id" },
  platform: true,
} as const;

type More = Partial<Step>;

function hook(name: string, path: string, { headers, ...more }: More = {}): Step {
  return { name, path: `/e/{{hook}}${path}`, key: false, headers: { ...USER_AGENT, ...headers }, ...more };
}

function setUp(name: string, settings: unknown, more: More = {}): Step {
  const body = { plugin_unique_identifier: "{{ends}}", user_id: "user-1", name, settings };
  return { name, path: `${ENDPOINT}/setup`, body: { json: body }, platform: true, ...more };
}

function post(name: string, what: string, json: object, more: More = {}): Step {
  return { name, path: `${ENDPOINT}/${what}`, body: { json }, ...more };
}

function list(name: string, query: string, more: More = {}): Step {
  return { name, path: `${ENDPOINT}/list${query}`, ...more };
}

const text = (content: string, contentType = "text/plain"): { body: Body; contentType: string } => ({
  body: { text: content },
  contentType,
});

const IT = { endpoint_id: "{{endpoint}}" };
const counters = (name: string): Step => ({ name, path: `${MANAGEMENT}/list?page=1&page_size=1` });

const FULL = {
  api_key: "secret-value-1",
  title: "T é",
  mode: "a",
  flag: true,
  app: { app_id: "a-1", extra: 1 },
  model: { provider: "p", model: "m", model_type: "llm" },
  unknown: { kept: [1] },
};

const REFUSED: readonly Step[] = [
  setUp("no settings", {}),
  setUp("null for a required setting", { api_key: null }),
  setUp("number for a secret", { api_key: 5 }),
  setUp("option that is none", { api_key: "k", mode: "z" }),
  setUp("text for a boolean", { api_key: "k", flag: "yes" }),
  setUp("app without id", { api_key: "k", app: {} }),
  setUp("model without type", { api_key: "k", model: { provider: "p", model: "m" } }),
  setUp("model of another type", { api_key: "k", model: { provider: "p", model: "m", model_type: "tts" } }),
  setUp("too many settings", Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`k${at}`, 1]))),
  setUp("settings left out", undefined),
  setUp("settings that are a list", [1], FREE),
  list("list after the refused ones", "?page=1&page_size=100", NEWEST),
  post("the one that was not refused", "remove", IT, { setup: true }),
  setUpOf("plugin that is not installed", UNKNOWN_IDENTIFIER),
  setUpOf("plugin without the permission", "{{wire}}"),
  setUpOf("malformed identifier", "x", FREE),
  post(
    "nameless",
    "setup",
    { plugin_unique_identifier: "{{ends}}", user_id: "u", name: "", settings: { api_key: "k" } },
    FREE,
  ),
  post(
    "no user",
    "setup",
    { plugin_unique_identifier: "{{ends}}", name: "n", settings: { api_key: "k" } },
    FREE,
  ),
];

function setUpOf(name: string, identifier: string, more: More = {}): Step {
  const body = { plugin_unique_identifier: identifier, user_id: "u", name: "n", settings: {} };
  return post(name, "setup", body, more);
}

const SET_UP: readonly Step[] = [
  setUp("first", { api_key: "short" }),
  setUp("full", FULL),
  list("list", "?page=1&page_size=100&user_id=u", NEWEST),
  list("list of the plugin", "/plugin?plugin_id=gold/kitchen-endpoints&page=1&page_size=100", {
    platform: true,
  }),
  list("list of the plugin, page of one", "/plugin?plugin_id=gold/kitchen-endpoints&page=2&page_size=1"),
  list("list of another plugin", "/plugin?plugin_id=gold/none&page=1&page_size=100"),
  list("list of no plugin", "/plugin?page=1&page_size=100", FREE),
  counters("counters"),
];

const REQUESTS: readonly Step[] = [
  hook("GET", "/echo?b=2&a=1&a=0&flag&sp=a%20b", {
    headers: { Accept: "*/*", "X-Zed": "z", "X-Alpha": "a" },
    platform: true,
  }),
  hook("GET with a Latin-1 header", "/echo", { headers: { "X-Alpha": "é" }, ...FREE }),
  hook("POST JSON", "/echo", { body: { json: { a: 1, é: "😀" } } }),
  hook("POST form", "/echo?x=1", text("a=1&b=%20", "application/x-www-form-urlencoded")),
  hook("POST bytes", "/echo", { body: { hex: "00ff10" }, contentType: "application/octet-stream" }),
  hook("POST empty", "/echo", { method: "POST" }),
  hook("PUT", "/echo", { method: "PUT", ...text("put") }),
  hook("DELETE", "/echo", { method: "DELETE" }),
  hook("OPTIONS", "/echo", { method: "OPTIONS" }),
  hook("HEAD", "/echo", { method: "HEAD" }),
  hook("PATCH", "/echo", { method: "PATCH", ...text("x") }),
  hook("POST to a GET route", "/item/a/1", { method: "POST", ...text("x") }),
  hook("path parameters", "/item/a%20b/7"),
  hook("path parameter of a wrong type", "/item/a/x"),
  hook("escaped slash", "/item/a%2Fb/7", { ignored: ["json.path", "json.values"] }),
  hook("wildcard", "/wild/a/b/c.txt"),
  hook("no such path", "/nope"),
  hook("root path", "/"),
  hook("without slash", "", { ignored: ["text", "type"] }),
  hook("forwarded headers", "/echo", {
    headers: {
      "X-Forwarded-For": "1.2.3.4",
      "X-Forwarded-Proto": "https",
      "X-Forwarded-Host": "h.example",
      "X-Real-IP": "1.2.3.4",
      "X-Original-Host": "hooks.example",
      "X-Original-Url": "/z",
      Authorization: "Bearer t",
      Cookie: "a=1",
    },
  }),
  hook("hook headers from outside", "/echo", {
    headers: { "Dify-Hook-Id": "mine", "Dify-Hook-Url": "https://mine.example/x" },
  }),
];

const ANSWERS: readonly Step[] = [
  ...[200, 201, 204, 301, 302, 304, 400, 401, 404, 418, 500, 503].map((status) =>
    hook(`status ${status}`, `/status/${status}`),
  ),
  hook("bytes", "/bytes"),
  hook("stream", "/stream/5"),
  hook("empty stream", "/stream/0"),
  hook("long stream", "/stream/500"),
  hook("error", "/fail/0"),
  hook("wrong value", "/fail/99"),
  hook("error after two pieces", "/fail/2"),
];

const CHANGES: readonly Step[] = [
  post("disable", "disable", IT),
  post("disable again", "disable", IT),
  hook("call when disabled", "/echo"),
  list("list when disabled", "?page=1&page_size=1"),
  counters("counters when disabled"),
  post("enable", "enable", IT),
  post("enable again", "enable", IT),
  hook("call when enabled", "/echo"),
  post(
    "update, secret as masked",
    "update",
    {
      ...IT,
      user_id: "u2",
      name: "new name",
      settings: { api_key: "se**********-1", title: "t2" },
    },
    { platform: true },
  ),
  hook("call after the update", "/echo", { platform: true }),
  post(
    "update, new secret",
    "update",
    { ...IT, user_id: "u2", name: "new name", settings: { api_key: "other-secret" } },
    { platform: true },
  ),
  list("list after the update", "?page=1&page_size=1"),
  post(
    "update, bad settings",
    "update",
    { ...IT, user_id: "u", name: "n", settings: { mode: "a" } },
    { platform: true },
  ),
  post("update, unknown", "update", {
    endpoint_id: NO_ENDPOINT,
    user_id: "u",
    name: "n",
    settings: { api_key: "k" },
  }),
  post("update, missing fields", "update", IT, FREE),
  ...["enable", "disable", "remove"].map((what) =>
    post(`${what} unknown`, what, { endpoint_id: NO_ENDPOINT }),
  ),
  ...["enable", "disable", "remove"].map((what) => post(`${what} nothing`, what, {}, FREE)),
  {
    name: "endpoint of another tenant: remove",
    path: `${OTHER_ENDPOINT}/remove`,
    body: { json: IT },
  },
  { name: "endpoint of another tenant: list", path: `${OTHER_ENDPOINT}/list?page=1&page_size=10` },
];

/** The hook stays what it was. */
const UPGRADE: readonly Step[] = [
  uploadStep("kitchen-endpoints-2.difypkg", "ends2"),
  {
    name: "upgrade",
    path: `${MANAGEMENT}/install/upgrade`,
    body: {
      json: {
        original_plugin_unique_identifier: "{{ends}}",
        new_plugin_unique_identifier: "{{ends2}}",
        source: "package",
        meta: {},
      },
    },
    capture: { task: "json.data.task_id" },
  },
  {
    name: "wait for the upgrade",
    setup: true,
    path: `${MANAGEMENT}/install/tasks/{{task}}`,
    until: { path: "json.data.status", oneOf: ["success"], withinMs: 60_000 },
  },
  hook("call after the upgrade", "/status/200"),
  list("list after the upgrade", "?page=1&page_size=1"),
  setUp("old identifier", { api_key: "k" }),
];

const REMOVED: readonly Step[] = [
  post("remove", "remove", { ...IT, user_id: "u" }, { platform: true }),
  post("remove again", "remove", IT),
  hook("call when removed", "/echo"),
  list("list when removed", "?page=1&page_size=100", NEWEST),
  counters("counters at the end"),
  ...installSteps("endpoints-denied.difypkg", "denied"),
  post("permission denied", "setup", {
    plugin_unique_identifier: "{{denied}}",
    user_id: "u",
    name: "n",
    settings: { api_key: "k" },
  }),
  uninstallStep("denied"),
  uninstallStep("ends"),
  hook("call when the plugin is gone", "/echo"),
  list("list when the plugin is gone", "?page=1&page_size=100"),
  list("list of the plugin when it is gone", "/plugin?plugin_id=gold/kitchen-endpoints&page=1&page_size=100"),
  post("remove when the plugin is gone", "remove", IT),
  uninstallStep("wire"),
  ...installSteps("kitchen-endpoints.difypkg", "ends"),
  setUp("encryption refused by Dify", { api_key: "refuse" }, FREE),
  list("list after the refused encryption", "?page=1&page_size=100", { ...NEWEST, ...FREE }),
  uninstallStep("ends"),
];

/** Endpoints: rules of their settings, secrets, counters, calls of every method, bodies, streams, changes, an upgrade. */
export const endpointsScenario: Scenario = {
  name: "endpoints",
  tenant: tenantOf(9),
  steps: [
    ...installSteps("wire.difypkg", "wire"),
    ...installSteps("kitchen-endpoints.difypkg", "ends"),
    list("list, none", "?page=1&page_size=100"),
    list("list without paging", "", FREE),
    list("list, page_size 101", "?page=1&page_size=101", FREE),
    { name: "list of extensions by category", path: `${MANAGEMENT}/extension/list?page=1&page_size=10` },
    ...REFUSED,
    ...SET_UP,
    ...REQUESTS,
    ...ANSWERS,
    ...CHANGES,
    ...UPGRADE,
    ...REMOVED,
  ],
};
