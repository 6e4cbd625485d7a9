import { expect, test } from "bun:test";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");

const DISPATCH = `
  tool/invoke tool/validate_credentials tool/get_runtime_parameters agent_strategy/invoke llm/invoke
  llm/num_tokens text_embedding/invoke text_embedding/num_tokens multimodal_embedding/invoke rerank/invoke
  multimodal_rerank/invoke tts/invoke tts/model/voices speech2text/invoke moderation/invoke
  model/validate_provider_credentials model/validate_model_credentials model/schema model/polling/start
  model/polling/check oauth/get_authorization_url oauth/get_credentials oauth/refresh_credentials
  dynamic_select/fetch_parameter_options datasource/validate_credentials datasource/get_website_crawl
  datasource/get_online_document_pages datasource/get_online_document_page_content
  datasource/online_drive_browse_files datasource/online_drive_download_file trigger/invoke_event
  trigger/validate_credentials trigger/dispatch_event trigger/subscribe trigger/unsubscribe trigger/refresh`;
const MANAGEMENT_READS = `
  install/tasks install/tasks/:id decode/from_identifier fetch/manifest fetch/identifier fetch/readme list
  :category/list installation/ids models models/bindings tools tool agent_strategies agent_strategy datasources
  datasource triggers trigger`;
const MANAGEMENT_WRITES = `
  install/upload/package install/upload/bundle install/identifiers install/upgrade install/tasks/delete_all
  install/tasks/:id/delete install/tasks/:id/delete/* uninstall installation/fetch/batch installation/missing
  tools/check_existence`;

/** All pairs of contract/http-api 3.11, by group. */
const CONTRACT = {
  system: ["GET /health/check", "GET /metrics/"],
  pprof: below(
    "GET",
    "/debug/pprof",
    "/ /cmdline /profile /symbol /trace /goroutine /heap /allocs /block /mutex /threadcreate",
  ),
  dispatch: below("POST", "/plugin/:tenant_id/dispatch/", DISPATCH),
  direct: [
    "GET /v2/invoke/extract",
    ...below("POST", "/v2/invoke/dispatch/", DISPATCH).filter((route) => !route.includes("/model/polling/")),
  ],
  management: [
    ...below("GET", "/plugin/:tenant_id/management/", MANAGEMENT_READS),
    ...below("POST", "/plugin/:tenant_id/management/", MANAGEMENT_WRITES),
  ],
  endpoint: [
    ...below("GET", "/plugin/:tenant_id/endpoint/", "list list/plugin"),
    ...below("POST", "/plugin/:tenant_id/endpoint/", "setup update remove enable disable"),
  ],
  assets: below("GET", "/plugin/:tenant_id/", "asset/:id extract-asset/"),
  debugging: ["POST /plugin/:tenant_id/debugging/key"],
  hooks: ["HEAD", "GET", "POST", "PUT", "DELETE", "OPTIONS"].map((method) => `${method} /e/:hook_id/*`),
  serverless: ["POST /backwards-invocation/transaction"],
  admin: below("POST", "/admin/plugin/serverless/", "reinstall switch-endpoint"),
} as const;

/** What this release does not have, or not with these settings, and why. Each is in the contract, and not in the table. */
const MISSING: Readonly<Record<string, readonly string[]>> = {
  "come with the serverless runtime": [
    "POST /backwards-invocation/transaction",
    "POST /admin/plugin/serverless/reinstall",
    "POST /admin/plugin/serverless/switch-endpoint",
  ],
};
/** Of a cloud that sells models; no part of the 133. */
const OUT_OF_SCOPE = /\/redirect\/v1\//;
/** What the reference does not have. */
const OWN = [
  "GET /openapi.json",
  "GET /docs",
  "GET /plugin/:tenant_id/debugging/events",
  "POST /plugin/:tenant_id/debugging/continue",
  "POST /plugin/:tenant_id/debugging/reload",
  "POST /plugin/:tenant_id/debugging/release",
  "GET /plugin/:tenant_id/management/runtime/list",
  "POST /plugin/:tenant_id/management/runtime/switch",
  "POST /function/:secret/backwards-invocation/transaction",
];

function below(method: string, prefix: string, paths: string): readonly string[] {
  return paths
    .trim()
    .split(/\s+/)
    .map((path) => `${method} ${prefix}${path}`);
}

test("the contract has 133 routes", () => {
  expect(new Set(Object.values(CONTRACT).flat()).size).toBe(133);
});

test("routes prints all routes of the contract but those that are named as missing", async () => {
  const child = Bun.spawn([process.execPath, "src/main.ts", "routes"], {
    cwd: ROOT,
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], PPROF_ENABLED: "true" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [text, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect([await child.exited, errors]).toEqual([0, ""]);
  const routes = text
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/ +/, " "));
  const all: readonly string[] = Object.values(CONTRACT).flat();
  const missing = Object.values(MISSING).flat();
  expect(missing.filter((route) => !all.includes(route))).toEqual([]);
  const wanted = all.filter((route) => !missing.includes(route));
  expect(routes.filter((route) => OUT_OF_SCOPE.test(route))).toEqual([]);
  expect(routes.toSorted()).toEqual([...wanted, ...OWN].toSorted());
  const paths = routes.map((route) => route.split(" ")[1] ?? "");
  expect(paths).toEqual(paths.toSorted());
});
