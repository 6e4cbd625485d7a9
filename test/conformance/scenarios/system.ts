import type { Scenario, Step } from "./scenario.ts";
import { tenantOf } from "./shared-steps.ts";

const TENANT = "/plugin/{{tenant}}";
const LIST = `${TENANT}/management/list`;
const FIRST_PAGE = `${LIST}?page=1&page_size=10`;

/** A list that is asked for with odd paging. */
function listStep(name: string, query: string, more: Partial<Step> = {}): Step {
  return { name, path: `${LIST}${query}`, ...more };
}

/** Health, metrics, keys, unknown routes, odd slashes, paging. Needs no plugin. */
export const systemScenario: Scenario = {
  name: "system",
  tenant: tenantOf(1),
  steps: [
    {
      name: "health",
      path: "/health/check",
      key: false,
      ignored: [
        "json.version",
        "json.build_time",
        "json.pool_status",
        "json.active_requests",
        "json.active_dispatch_requests",
      ],
    },
    { name: "health with a wrong key", path: "/health/check", key: "nonsense", ignored: ["json"] },
    { name: "health, other method", method: "POST", path: "/health/check", key: false },
    { name: "metrics", path: "/metrics/", key: false, ignored: ["text"] },
    {
      name: "metrics without slash",
      path: "/metrics",
      key: false,
      freeText: true,
      ignored: ["text", "type"],
    },
    { name: "root", path: "/" },
    { name: "unknown path", path: "/nope" },
    { name: "unknown path below plugin, no key", path: `${TENANT}/nope`, key: false },
    { name: "known path, wrong method", method: "DELETE", path: FIRST_PAGE },
    {
      name: "known path, PATCH",
      method: "PATCH",
      path: `${TENANT}/management/install/identifiers`,
      body: { json: {} },
    },
    {
      name: "superfluous slash, GET",
      path: `${TENANT}/management/list/?page=1&page_size=10`,
      ignored: ["text", "type"],
    },
    {
      name: "superfluous slash, POST",
      path: `${TENANT}/management/uninstall/`,
      body: { json: { plugin_installation_id: "x" } },
      ignored: ["text", "type"],
    },
    {
      name: "double slash",
      path: `/plugin//{{tenant}}/management/list?page=1&page_size=10`,
      ignored: ["text", "type"],
    },
    { name: "upper-case path", path: `/PLUGIN/{{tenant}}/management/list?page=1&page_size=10` },
    { name: "no key", path: FIRST_PAGE, key: false },
    { name: "wrong key", path: FIRST_PAGE, key: "nonsense" },
    { name: "empty key", path: FIRST_PAGE, key: "" },
    {
      name: "key in another header",
      path: FIRST_PAGE,
      key: false,
      headers: { Authorization: "Bearer nonsense" },
    },
    {
      name: "wrong key on dispatch",
      path: `${TENANT}/dispatch/tool/invoke`,
      key: "nonsense",
      body: { json: { data: {} } },
    },
    {
      name: "wrong key on v2",
      path: "/v2/invoke/dispatch/tool/invoke",
      key: "nonsense",
      body: { json: { data: {} } },
    },
    {
      name: "wrong key on endpoint management",
      path: `${TENANT}/endpoint/list?page=1&page_size=10`,
      key: "nonsense",
    },
    { name: "wrong key on an asset", path: `${TENANT}/asset/x`, key: "nonsense" },
    {
      name: "wrong key comes before a bad body",
      path: `${TENANT}/management/install/identifiers`,
      key: "nonsense",
      body: { text: "{" },
      contentType: "application/json",
    },
    {
      name: "tenant that never was: list",
      path: `/plugin/11111111-2222-4333-8444-555555555555/management/list?page=1&page_size=10`,
    },
    { name: "tenant that is no uuid: list", path: `/plugin/some-tenant/management/list?page=1&page_size=10` },
    { name: "empty list", path: FIRST_PAGE },
    listStep("list without paging", "", { freeText: true }),
    listStep("list page 0", "?page=0&page_size=10", { freeText: true }),
    listStep("list page_size 257", "?page=1&page_size=257", { freeText: true }),
    listStep("list page_size 256", "?page=1&page_size=256"),
    listStep("list page text", "?page=one&page_size=10", { freeText: true }),
    listStep("list negative page", "?page=-1&page_size=10", { freeText: true }),
    listStep("list, GET with JSON content type ignores the query", "?page=1&page_size=10", {
      contentType: "application/json",
      freeText: true,
    }),
    listStep("list, GET with JSON body", "", {
      method: "GET",
      body: { json: { page: 1, page_size: 10 } },
      freeText: true,
    }),
    { name: "debug profiler is off", path: "/debug/pprof/" },
    { name: "admin is off", path: "/admin/plugin/serverless/reinstall", body: { json: {} } },
    { name: "serverless transaction is off", path: "/backwards-invocation/transaction", body: { json: {} } },
    { name: "unknown hook", path: "/e/0123456789abcdef/x", key: false },
    { name: "hook without slash", path: "/e/0123456789abcdef", key: false, ignored: ["text", "type"] },
    { name: "hook, PATCH", method: "PATCH", path: "/e/0123456789abcdef/x", key: false },
  ],
};
