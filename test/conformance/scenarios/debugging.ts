import type { AnyStep, ConnectionStep, Scenario, Step } from "./scenario.ts";
import { installSteps, tenantOf, uninstallStep } from "./shared-steps.ts";

const MANAGEMENT = "/plugin/{{tenant}}/management";
const DISPATCH = "/plugin/{{tenant}}/dispatch";
const KEY = "/plugin/{{tenant}}/debugging/key";
const LIST = `${MANAGEMENT}/list?page=1&page_size=10`;
/** The icon of the other recorded packages. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#642"/></svg>\n`;
const en = (text: string) => ({ en_US: text });

const HANDSHAKE = { type: "handshake", data: { key: "{{debug_key}}" } };
const ASSET = {
  type: "asset_chunk",
  data: { filename: "icon.svg", data: Buffer.from(ICON).toString("base64"), end: true },
};
const END = { type: "end", data: {} };
const BEAT = { event: "heartbeat", session_id: null, data: {} };

function manifest(changes: object = {}) {
  return {
    type: "manifest_declaration",
    data: {
      version: "0.0.7",
      type: "plugin",
      author: "gold",
      name: "hand-made",
      label: en("Hand"),
      description: en("By hand"),
      icon: "icon.svg",
      icon_dark: null,
      repo: null,
      created_at: "2026-01-02T03:04:05Z",
      resource: { memory: 1048576, permission: { tool: { enabled: true } } },
      plugins: {
        tools: ["provider/x.yaml"],
        models: [],
        endpoints: [],
        agent_strategies: [],
        datasources: [],
        triggers: [],
      },
      meta: {
        version: "0.0.1",
        arch: ["amd64"],
        runner: { language: "python", version: "3.12", entrypoint: "main" },
        minimum_dify_version: null,
      },
      ...changes,
    },
  };
}

const TOOL = {
  type: "tool_declaration",
  data: [
    {
      identity: {
        author: "gold",
        name: "hand",
        description: en("Hand"),
        icon: "icon.svg",
        icon_dark: null,
        label: en("Hand"),
        tags: [],
      },
      credentials_schema: [],
      oauth_schema: null,
      tools: [
        {
          identity: { author: "gold", name: "wave", label: en("Wave") },
          parameters: [
            {
              name: "n",
              label: en("N"),
              human_description: en("n"),
              type: "number",
              form: "llm",
              llm_description: "n",
              required: true,
              default: null,
              options: null,
              show_on: [],
              input_schema: null,
            },
          ],
          description: { human: en("Waves"), llm: "Waves" },
          has_runtime_parameters: true,
          output_schema: null,
          extra: { python: { source: "x.py" } },
        },
      ],
      extra: { python: { source: "x.py" } },
    },
  ],
};

/** A connection of its own that is expected to be refused. */
function refused(name: string, ...send: readonly (string | object)[]): ConnectionStep {
  return { name: `debug port: ${name}`, connection: { id: name, open: true, send, waitMs: 1500 } };
}

function registered(
  name: string,
  id: string,
  options: {
    readonly changes?: object;
    readonly answers: readonly (object | "hang up")[];
    readonly waitMs?: number;
  },
): ConnectionStep {
  const send = [HANDSHAKE, manifest(options.changes), TOOL, ASSET, END, BEAT];
  return {
    name,
    connection: { id, open: true, send, waitMs: options.waitMs ?? 500, answers: options.answers },
  };
}

function hangUp(name: string, id: string, waitMs = 100): ConnectionStep {
  return { name, connection: { id, close: true, waitMs } };
}

/** Waits until so many plugins are listed. */
function list(name: string, total: number, ignored: readonly string[] = []): Step {
  return {
    name,
    path: LIST,
    until: { path: "json.data.total", oneOf: [total], withinMs: 20_000 },
    capture: { debug_inst: "json.data.list.0.id", debug_id: "json.data.list.0.plugin_unique_identifier" },
    ignored,
  };
}

const session = (data: unknown, type = "stream") => ({
  event: "session",
  session_id: "{{session}}",
  data: { type, data },
});
const text = (words: string) => session({ type: "text", message: { text: words }, meta: null });
const DONE = session(null, "end");

/** What is made anew for every registration. */
const OWN = ["checksum", "plugin_unique_identifier", "updated_at"].map(
  (field) => `json.data.list.0.${field}`,
);
const IDENTIFIER = ["json.data.0.plugin_unique_identifier"];

function wave(name: string, options: Partial<Step> = {}): Step {
  return {
    name,
    path: `${DISPATCH}/tool/invoke`,
    plugin: "gold/hand-made",
    body: {
      json: {
        user_id: "u",
        data: { provider: "hand", tool: "wave", tool_parameters: { n: 1 }, credentials: {} },
      },
    },
    ...options,
  };
}

function wire(name: string, data: object): Step {
  return {
    name,
    path: `${DISPATCH}/tool/invoke`,
    plugin: "gold/wire",
    body: { json: { user_id: "u", data } },
  };
}

function kitchen(name: string, path: string, data: object): Step {
  return {
    name,
    path: `${DISPATCH}${path}`,
    plugin: "gold/kitchen-tools",
    body: { json: { user_id: "u", data: { provider: "kitchen", ...data } } },
  };
}

const KEYS: readonly Step[] = [
  { name: "key", method: "POST", path: KEY, capture: { debug_key: "json.data.key" } },
  { name: "the same key again", method: "POST", path: KEY },
  { name: "key with a body", path: KEY, body: { json: {} } },
  { name: "key by GET", path: KEY },
];

const REFUSED: readonly AnyStep[] = [
  refused("no JSON", "hello"),
  refused("JSON without type", { data: {} }),
  refused("unknown key", { type: "handshake", data: { key: "99999999-2222-4333-8444-555555555555" } }),
  refused("key that is a number", { type: "handshake", data: { key: 5 } }),
  refused("empty key", { type: "handshake", data: { key: "" } }),
  refused("handshake twice", HANDSHAKE, HANDSHAKE),
  refused("manifest twice", HANDSHAKE, manifest(), manifest()),
  refused("tools twice", HANDSHAKE, manifest(), TOOL, TOOL),
  refused("manifest without a version", HANDSHAKE, manifest({ version: "" })),
  refused("tools without identity", HANDSHAKE, manifest(), { type: "tool_declaration", data: [{}] }),
  refused("tools that are no list", HANDSHAKE, manifest(), { type: "tool_declaration", data: {} }),
  refused("asset that is no base64", HANDSHAKE, manifest(), {
    type: "asset_chunk",
    data: { filename: "a", data: "***", end: true },
  }),
  refused("end at once", HANDSHAKE, END),
  refused("end with a manifest only", HANDSHAKE, manifest(), END),
  refused("icon not sent", HANDSHAKE, manifest(), TOOL, END),
  refused("upper-case author", HANDSHAKE, manifest({ author: "Gold" }), TOOL, ASSET, END),
  refused("unknown message is ignored", HANDSHAKE, { type: "surprise", data: {} }, END),
  refused("nothing before a handshake", manifest(), TOOL, ASSET, END),
  { name: "list after the refused ones", path: LIST },
];

const ACCEPTED: readonly AnyStep[] = [
  registered("registration", "a", {
    answers: [
      text("by hand"),
      session({ type: "json", message: { json_object: { a: 1 } }, meta: null }),
      DONE,
    ],
  }),
  list("list when connected", 1, OWN),
  { name: "tools when connected", path: `${MANAGEMENT}/tools?page=1&page_size=10`, ignored: IDENTIFIER },
  {
    name: "manifest when connected",
    path: `${MANAGEMENT}/fetch/manifest?plugin_unique_identifier={{debug_id}}`,
  },
  wave("call"),
  { name: "what the connection got", connection: { id: "a", waitMs: 300 } },
  {
    name: "uninstall when connected",
    path: `${MANAGEMENT}/uninstall`,
    body: { json: { plugin_installation_id: "{{debug_inst}}" } },
  },
  hangUp("disconnect", "a"),
  list("list when disconnected", 0),
  wave("call when disconnected"),

  // Connections that go away in the middle of a call
  registered("registration of one that hangs", "b", {
    changes: { version: "0.0.8" },
    answers: [text("only this")],
  }),
  list("list with the hanging one", 1, OWN),
  wave("call that hangs", { abortAfterMs: 1500 }),
  hangUp("disconnect of the hanging one", "b"),
  list("list without the hanging one", 0),
  registered("registration of one that hangs up", "d", {
    changes: { version: "0.0.10" },
    answers: [text("last words"), "hang up"],
  }),
  list("list with the one that hangs up", 1, OWN),
  wave("call to one that hangs up", { abortAfterMs: 8000 }),
  list("list without the one that hung up", 0),
];

const SHADOWING: readonly AnyStep[] = [
  ...installSteps("wire.difypkg", "wire"),
  registered("registration of an installed plugin", "c", {
    changes: { name: "wire", version: "0.0.9" },
    answers: [text("shadow"), DONE],
    waitMs: 1500,
  }),
  { name: "list of the shadowed", path: LIST },
  wire("call of the shadowed", { provider: "hand", tool: "wave" }),
  hangUp("disconnect of the shadow", "c", 1500),
  // The place of the client is kept for a moment.
  {
    name: "list after the shadow",
    path: LIST,
    until: { path: "json.data.list.0.runtime_type", oneOf: ["local"], withinMs: 20_000 },
  },
  wire("call after the shadow", { provider: "wire", tool: "any" }),
  uninstallStep("wire"),
];

const SDK: readonly AnyStep[] = [
  { name: "SDK plugin starts", process: "kitchen-tools", setup: true },
  list("list with the SDK plugin", 1, OWN),
  kitchen("call of the SDK plugin", "/tool/invoke", {
    tool: "say",
    tool_parameters: { what: "json" },
    credentials: {},
  }),
  kitchen("error of the SDK plugin", "/tool/invoke", {
    tool: "fail",
    tool_parameters: { error: "InvokeRateLimitError" },
    credentials: {},
  }),
  kitchen("credentials at the SDK plugin", "/tool/validate_credentials", { credentials: { api_key: "bad" } }),
  { name: "tools with the SDK plugin", path: `${MANAGEMENT}/tools?page=1&page_size=10`, ignored: IDENTIFIER },
  {
    name: "check existence with the SDK plugin",
    path: `${MANAGEMENT}/tools/check_existence`,
    body: { json: { provider_ids: [{ plugin_id: "gold/kitchen-tools", provider_name: "kitchen" }] } },
  },
  { name: "SDK plugin ends", process: "end", setup: true },
  list("list without the SDK plugin", 0),
];

/** The debug server: registration by hand, then a plugin with the SDK outside of the daemon. */
export const debuggingScenario: Scenario = {
  name: "debugging",
  tenant: tenantOf(13),
  steps: [...KEYS, ...REFUSED, ...ACCEPTED, ...SHADOWING, ...SDK],
};
