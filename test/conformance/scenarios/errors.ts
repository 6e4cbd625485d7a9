import type { Scenario, Step } from "./scenario.ts";
import { installSteps, tenantOf, uninstallStep } from "./shared-steps.ts";

const INVOKE = "/plugin/{{tenant}}/dispatch/tool/invoke";
const RELAY = "bench/relay";
const GOOD = bodyOf({ n: 1 });

function bodyOf(parameters: object) {
  return { user_id: "u", data: { provider: "relay", tool: "emit", tool_parameters: parameters } };
}

function toRelay(name: string, more: Partial<Step>): Step {
  return { name, path: INVOKE, plugin: RELAY, ...more };
}

/** A body that is no request, or hardly one. */
function oddBody(name: string, text: string, more: Partial<Step> = {}): Step {
  return toRelay(name, { body: { text }, contentType: "application/json", freeText: true, ...more });
}

/** What `relay` shall do: `n` chunks of `size` bytes, then end as `mode` says. */
function relay(name: string, parameters: object, more: Partial<Step> = {}): Step {
  return toRelay(name, { body: { json: bodyOf(parameters) }, ...more });
}

const TARGETS: readonly Step[] = [
  { name: "no plugin id", path: INVOKE, body: { json: GOOD } },
  {
    name: "empty plugin id",
    path: INVOKE,
    plugin: " ",
    body: { json: GOOD },
    freeText: true,
    ignored: ["status", "json"],
  },
  { name: "plugin not installed", path: INVOKE, plugin: "gold/none", body: { json: GOOD } },
  {
    name: "bad body for a plugin that is not installed",
    path: INVOKE,
    plugin: "gold/none",
    body: { text: "{" },
    contentType: "application/json",
  },
  { name: "plugin id with a version", path: INVOKE, plugin: `${RELAY}:0.0.1`, body: { json: GOOD } },
  toRelay("plugin of another tenant", {
    path: "/plugin/22222222-2222-4333-8444-555555555555/dispatch/tool/invoke",
    body: { json: GOOD },
  }),
  toRelay("unknown dispatch route", {
    path: "/plugin/{{tenant}}/dispatch/tool/nope",
    body: { json: GOOD },
  }),
  toRelay("GET on a dispatch route", { method: "GET" }),
];

const BODIES: readonly Step[] = [
  oddBody("half a JSON", '{"user_id":"u","data":{"provider":"relay",'),
  oddBody("no JSON", "hello"),
  oddBody("empty body", "", { method: "POST" }),
  oddBody("a list", "[]"),
  oddBody("null", "null"),
  oddBody("a text", '"x"'),
  oddBody("not UTF-8", "", { body: { hex: "7b22757365725f6964223a22ff22" } }),
  oddBody("form body", "provider=relay&tool=emit", { contentType: "application/x-www-form-urlencoded" }),
  oddBody("JSON without content type", JSON.stringify(GOOD), { contentType: "" }),
  oddBody("JSON as text/plain", JSON.stringify(GOOD), { contentType: "text/plain" }),
  oddBody("data is a list", '{"user_id":"u","data":[]}'),
  oddBody("data is null", '{"user_id":"u","data":null}'),
  oddBody("data missing", '{"user_id":"u"}'),
  oddBody("provider is a number", '{"user_id":"u","data":{"provider":5,"tool":"t"}}'),
  oddBody(
    "parameters are a list",
    '{"user_id":"u","data":{"provider":"relay","tool":"emit","tool_parameters":[1]}}',
    { ignored: ["frames", "json", "status", "type"] },
  ),
  oddBody(
    "deep nesting",
    `{"user_id":"u","data":{"provider":"relay","tool":"emit","tool_parameters":{"a":${"[".repeat(500)}${"]".repeat(500)}}}}`,
  ),
  relay("large body", { n: 1, filler: "x".repeat(3_000_000) }),
];

/** After one that died the reference needs a while until it answers again. */
const RESTARTED = { until: { path: "status", oneOf: [200], withinMs: 60_000 } };

const ENDS: readonly Step[] = [
  relay("one chunk", { n: 1 }),
  relay("no chunk", { n: 0 }),
  relay("2000 chunks", { n: 2000, size: 8 }),
  relay("chunks with pauses", { n: 5, delay_ms: 50 }),
  relay("an error of its own", { n: 2, mode: "error" }),
  relay("nonsense on stdout", { n: 1, mode: "garbage" }),
  relay("text on stderr", { n: 1, mode: "stderr" }),
  relay("a large line", { n: 1, size: 4_000_000 }),
  relay("it hangs", { n: 2, mode: "hang" }, { abortAfterMs: 2000 }),
  relay("the next call after one that hangs", { n: 1 }),
  relay("it dies", { n: 2, mode: "crash" }, { abortAfterMs: 4000 }),
  relay("the next call after one that died", { n: 1 }, RESTARTED),
  relay("a line over the limit", { n: 1, size: 6_000_000 }, { abortAfterMs: 4000 }),
  relay("the next call after a line over the limit", { n: 1 }, RESTARTED),
];

/** Bad requests on dispatch routes, and a plugin without SDK that hangs, dies, or writes nonsense. */
export const errorsScenario: Scenario = {
  name: "errors",
  tenant: tenantOf(12),
  steps: [...installSteps("relay.difypkg", "relay"), ...TARGETS, ...BODIES, ...ENDS, uninstallStep("relay")],
};
