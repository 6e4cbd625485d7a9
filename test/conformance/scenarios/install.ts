import type { Scenario, Step } from "./scenario.ts";
import {
  UNKNOWN_IDENTIFIER,
  WRONG_CHECKSUM_IDENTIFIER,
  installSteps,
  tenantOf,
  uninstallStep,
  uploadStep,
} from "./shared-steps.ts";

const MANAGEMENT = "/plugin/{{tenant}}/management";
const TASKS = `${MANAGEMENT}/install/tasks`;
const LIST = `${MANAGEMENT}/list`;
const INSTALL = `${MANAGEMENT}/install/identifiers`;
const UPGRADE = `${MANAGEMENT}/install/upgrade`;
const UNINSTALL = `${MANAGEMENT}/uninstall`;
const UNKNOWN_ID = "99999999-2222-4333-8444-555555555555";
const FREE = { freeText: true } as const;
/** What a stage or a failed plugin says is for people. */
const FREE_MESSAGES = { ignored: ["json.data.plugins.0.message", "json.data.plugins.1.message"] };

type Install = Partial<Step> & { readonly fields?: object };

function install(name: string, identifiers: readonly string[], more: Install = {}): Step {
  const { fields, ...rest } = more;
  const metas = identifiers.map(() => ({}));
  const json = { plugin_unique_identifiers: identifiers, source: "package", metas, ...fields };
  return { name, path: INSTALL, body: { json }, capture: { task: "json.data.task_id" }, ...rest };
}

/** The task, when it is done. */
function finished(name: string, status = "success"): Step {
  return {
    name,
    path: `${TASKS}/{{task}}`,
    until: { path: "json.data.status", oneOf: [status], withinMs: 120_000 },
  };
}

function get(name: string, path: string, more: Partial<Step> = {}): Step {
  return { name, path, ...more };
}

function post(name: string, path: string, json?: object, more: Partial<Step> = {}): Step {
  return { name, method: "POST", path, ...(json !== undefined && { body: { json } }), ...more };
}

function list(name: string, more: Partial<Step> = {}): Step {
  return get(name, `${LIST}?page=1&page_size=100&response_type=paged`, {
    capture: { inst: "json.data.list.0.id" },
    ...more,
  });
}

function upgrade(name: string, [from, to]: readonly [string, string], more: Install = {}): Step {
  const { fields, ...rest } = more;
  const identifiers = { original_plugin_unique_identifier: from, new_plugin_unique_identifier: to };
  return post(name, UPGRADE, { ...identifiers, source: "package", meta: {}, ...fields }, rest);
}

function uninstall(name: string, installation: string): Step {
  return post(name, UNINSTALL, { plugin_installation_id: installation });
}

/** A call of the plugin `wire`. */
function invoke(name: string): Step {
  return post(
    name,
    "/plugin/{{tenant}}/dispatch/tool/invoke",
    { user_id: "u", data: { provider: "wire", tool: "any" } },
    { plugin: "gold/wire" },
  );
}

const UPLOADS: readonly Step[] = [
  uploadStep("wire.difypkg", "wire"),
  uploadStep("wire-2.difypkg", "wire2"),
  uploadStep("relay.difypkg", "relay"),
  uploadStep("broken-start.difypkg", "broken"),
  uploadStep("broken-deps.difypkg", "deps"),
  uploadStep("kitchen-tools.difypkg", "tools"),
];

const REFUSED: readonly Step[] = [
  get("tasks, none", `${TASKS}?page=1&page_size=10`),
  get("task, unknown", `${TASKS}/${UNKNOWN_ID}`),
  get("task, no uuid", `${TASKS}/nonsense`, {
    freeText: true,
    ignored: ["json.message.error_type", "json.code"],
  }),
  install("install, never uploaded", [UNKNOWN_IDENTIFIER]),
  install("install, wrong checksum", [WRONG_CHECKSUM_IDENTIFIER]),
  install("install, malformed identifier", ["nonsense"], FREE),
  install("install, no identifier", [], { ignored: ["json.data.task_id"] }),
  install("install, no source", ["{{wire}}"], { ...FREE, fields: { source: "" } }),
  install("install, too few metas", ["{{wire}}"], { fields: { metas: [] } }),
  install("install, metas missing", ["{{wire}}"], { fields: { metas: undefined } }),
  install(
    "install, 65 identifiers",
    Array.from({ length: 65 }, () => "{{wire}}"),
    FREE,
  ),
  {
    name: "install, form body",
    path: INSTALL,
    body: { text: "source=package" },
    contentType: "application/x-www-form-urlencoded",
    ...FREE,
  },
];

const INSTALLED: readonly Step[] = [
  install("install", ["{{wire}}"], { fields: { metas: [{ from: "golden", n: 1 }] } }),
  finished("task when done"),
  get("tasks, one", `${TASKS}?page=1&page_size=10`),
  get("tasks, second page", `${TASKS}?page=2&page_size=10`),
  get("tasks without paging", TASKS, FREE),
  list("list with one"),
  get("identifier, now installed", `${MANAGEMENT}/fetch/identifier?plugin_unique_identifier={{wire}}`),
  install("install again", ["{{wire}}"]),
  install("install another version of an installed plugin", ["{{wire2}}"]),
  install("install null meta", ["{{relay}}"], { fields: { metas: [null], source: "marketplace" } }),
  finished("task of a second plugin"),
  list("list with two", {
    capture: { relay_inst: "json.data.list.0.id", wire_inst: "json.data.list.1.id" },
  }),
  get("list, page 2 of size 1", `${LIST}?page=2&page_size=1`),
  get("list, page 3 of size 1", `${LIST}?page=3&page_size=1`),
  post("task deleted", `${TASKS}/{{task}}/delete`),
  post("task deleted again", `${TASKS}/{{task}}/delete`),
  get("task gone", `${TASKS}/{{task}}`),
];

const CATEGORIES = ["tool", "model", "extension", "agent-strategy", "datasource", "trigger", "nonsense"];
const TOOLS = `${MANAGEMENT}/tool/list`;
const TOOLS_PAGE = `${TOOLS}?page=1&page_size=10`;
const INSTALLATION = `${MANAGEMENT}/installation`;

const LISTS: readonly Step[] = [
  ...CATEGORIES.map((category) =>
    get(`list by category ${category}`, `${MANAGEMENT}/${category}/list?page=1&page_size=10`),
  ),
  get("list by category, search name", `${TOOLS_PAGE}&query=WIR`),
  get("list by category, search nothing found", `${TOOLS_PAGE}&query=zzz`),
  get("list by category, search description", `${TOOLS_PAGE}&query=as%20fast%20as`),
  get("list by category, tag", `${TOOLS_PAGE}&tags=utilities&tags=search`),
  get("list by category, unknown tag", `${TOOLS_PAGE}&tags=nonsense`, FREE),
  get("list by category, language", `${TOOLS_PAGE}&query=zh&language=zh_Hans`),
  get("list by category, unknown language", `${TOOLS_PAGE}&language=xx`, FREE),
  get("list by category, paged", `${TOOLS}?page=1&page_size=1`),
  get("list by category, no paging", TOOLS, FREE),
  get("installation ids", `${INSTALLATION}/ids?category=tool`),
  get("installation ids, none", `${INSTALLATION}/ids?category=model`),
  get("installation ids, unknown category", `${INSTALLATION}/ids?category=x`, FREE),
  get("installation ids, no category", `${INSTALLATION}/ids`, FREE),
  post(
    "fetch batch",
    `${INSTALLATION}/fetch/batch`,
    { plugin_ids: ["gold/wire", "bench/relay", "gold/none"] },
    { unordered: ["json.data"] },
  ),
  post("fetch batch, empty", `${INSTALLATION}/fetch/batch`, { plugin_ids: [] }),
  post("fetch batch, missing", `${INSTALLATION}/fetch/batch`, {}, FREE),
  post(
    "missing",
    `${INSTALLATION}/missing`,
    { plugin_unique_identifiers: ["{{wire}}", "{{wire2}}", UNKNOWN_IDENTIFIER] },
    { unordered: ["json.data"] },
  ),
  post("missing, nothing asked", `${INSTALLATION}/missing`, { plugin_unique_identifiers: [] }),
  post("missing, malformed", `${INSTALLATION}/missing`, { plugin_unique_identifiers: ["x"] }, FREE),
];

const UPGRADES: readonly Step[] = [
  upgrade("upgrade to the same", ["{{wire}}", "{{wire}}"]),
  upgrade("upgrade to another plugin", ["{{wire}}", "{{relay}}"]),
  upgrade("upgrade to a version never uploaded", ["{{wire}}", WRONG_CHECKSUM_IDENTIFIER], {
    ignored: ["json.data.task_id"],
  }),
  upgrade("upgrade from a version that is not installed", ["{{wire2}}", "{{wire}}"]),
  post("upgrade, missing fields", UPGRADE, { source: "package" }, FREE),
  upgrade("upgrade", ["{{wire}}", "{{wire2}}"], {
    fields: { source: "github", meta: { repo: "gold/wire", version: "0.0.2" } },
    capture: { task: "json.data.task_id" },
  }),
  finished("upgrade task when done"),
  list("list after the upgrade"),
  invoke("the new version answers"),
  get("manifest of the old version", `${MANAGEMENT}/fetch/manifest?plugin_unique_identifier={{wire}}`),
  get("old identifier after the upgrade", `${MANAGEMENT}/fetch/identifier?plugin_unique_identifier={{wire}}`),
  uploadStep("wire.difypkg", "wire"),
  upgrade("downgrade", ["{{wire2}}", "{{wire}}"], { capture: { task: "json.data.task_id" } }),
  finished("downgrade task when done"),
  list("list after the downgrade"),
];

const FAILURES: readonly Step[] = [
  install("install a plugin that ends at once", ["{{broken}}"]),
  { ...finished("its task", "failed"), ...FREE, ...FREE_MESSAGES },
  get("list without it", `${LIST}?page=1&page_size=100`),
  post("item deleted", `${TASKS}/{{task}}/delete/{{broken}}`),
  get("task after its only item went", `${TASKS}/{{task}}`),
  install("install with dependencies that cannot be had", ["{{deps}}"]),
  { ...finished("its task too", "failed"), ...FREE_MESSAGES },
  post("item deleted, malformed", `${TASKS}/{{task}}/delete/nonsense`, undefined, FREE),
  post("item deleted, other item", `${TASKS}/{{task}}/delete/{{wire}}`),
  post("item deleted, unknown task", `${TASKS}/${UNKNOWN_ID}/delete/{{wire}}`),
  install("install two at once, one broken", ["{{tools}}", "{{broken}}"]),
  { ...finished("task of two", "failed"), setup: true },
  // The other one goes on.
  get("task of two, later", `${TASKS}/{{task}}`, {
    until: { path: "json.data.completed_plugins", oneOf: [1], withinMs: 120_000 },
    unordered: ["json.data.plugins"],
    ...FREE_MESSAGES,
  }),
  post("all tasks deleted", `${TASKS}/delete_all`),
  get("tasks after that", `${TASKS}?page=1&page_size=10`),
  post("all tasks deleted, none left", `${TASKS}/delete_all`),
];

const UNINSTALLED: readonly Step[] = [
  uninstall("uninstall, unknown", UNKNOWN_ID),
  post("uninstall, missing field", UNINSTALL, {}, FREE),
  list("list before uninstalling", {
    capture: { a: "json.data.list.0.id", b: "json.data.list.1.id", c: "json.data.list.2.id" },
  }),
  uninstall("uninstall first", "{{a}}"),
  uninstall("uninstall it again", "{{a}}"),
  uninstall("uninstall second", "{{b}}"),
  uninstall("uninstall third", "{{c}}"),
  list("list when all are gone"),
  invoke("dispatch to an uninstalled plugin"),
  get("manifest of an uninstalled plugin", `${MANAGEMENT}/fetch/manifest?plugin_unique_identifier={{wire}}`),
  ...installSteps("wire.difypkg", "again"),
  list("list after installing again"),
  uninstallStep("again"),
];

/** From the upload to the uninstallation: tasks, lists, searches, upgrades, and what fails on the way. */
export const installScenario: Scenario = {
  name: "install",
  tenant: tenantOf(3),
  steps: [...UPLOADS, ...REFUSED, ...INSTALLED, ...LISTS, ...UPGRADES, ...FAILURES, ...UNINSTALLED],
};
