import type { Scenario, Step } from "./scenario.ts";
import { callsOf, hexOf, installSteps, tenantOf, uninstallStep } from "./shared-steps.ts";

const MANAGEMENT = "/plugin/{{tenant}}/management";
const FREE = { freeText: true } as const;
const CREDENTIALS = { token: "good" };
const SITE = { provider: "kitchen", datasource: "site", credentials: CREDENTIALS };
const DOCS = { provider: "kitchen", datasource: "docs", credentials: CREDENTIALS };
const DRIVE = { provider: "kitchen", datasource: "drive", credentials: CREDENTIALS };
const PAGE = { workspace_id: "w", page_id: "p1", type: "page" };
const OAUTH = { provider: "kitchen", redirect_uri: "https://example.com/cb", system_credentials: {} };
const CALLBACK = hexOf("GET /cb?code=abc HTTP/1.1\r\nHost: example.com\r\n\r\n");
/** Ids of blobs differ from run to run. */
const BLOB_IDS = { ignored: ["frames.*.data.message.id"] };

const toSite = callsOf("gold/kitchen-site");
const toDocs = callsOf("gold/kitchen-docs");
const toDrive = callsOf("gold/kitchen-drive");

const STEPS: readonly Step[] = [
  { name: "datasources", path: `${MANAGEMENT}/datasources?page=1&page_size=256`, unordered: ["json.data"] },
  {
    name: "datasources, page of one",
    path: `${MANAGEMENT}/datasources?page=3&page_size=1`,
    ignored: ["json.data"],
  },
  { name: "datasources without paging", path: `${MANAGEMENT}/datasources`, ...FREE },
  { name: "datasource", path: `${MANAGEMENT}/datasource?plugin_id=gold/kitchen-site&provider=kitchen` },
  {
    name: "datasource, other provider",
    path: `${MANAGEMENT}/datasource?plugin_id=gold/kitchen-site&provider=none`,
  },
  { name: "datasource, other plugin", path: `${MANAGEMENT}/datasource?plugin_id=gold/none&provider=kitchen` },
  { name: "datasource, missing parameter", path: `${MANAGEMENT}/datasource?plugin_id=x`, ...FREE },
  { name: "list of datasources by category", path: `${MANAGEMENT}/datasource/list?page=1&page_size=10` },
  toSite("credentials ok", "/datasource/validate_credentials", {
    provider: "kitchen",
    credentials: CREDENTIALS,
  }),
  toSite("credentials wrong", "/datasource/validate_credentials", {
    provider: "kitchen",
    credentials: { token: "x" },
  }),
  toSite("credentials, unknown provider", "/datasource/validate_credentials", {
    provider: "none",
    credentials: CREDENTIALS,
  }),
  toSite("credentials, no provider", "/datasource/validate_credentials", { credentials: CREDENTIALS }, FREE),
  toSite("crawl", "/datasource/get_website_crawl", {
    ...SITE,
    datasource_parameters: { url: "https://example.com", limit: 3 },
  }),
  toSite("crawl, error", "/datasource/get_website_crawl", {
    ...SITE,
    datasource_parameters: { url: "fail" },
  }),
  toSite("crawl, unknown datasource", "/datasource/get_website_crawl", {
    ...SITE,
    datasource: "none",
    datasource_parameters: {},
  }),
  toSite(
    "crawl, parameters null",
    "/datasource/get_website_crawl",
    { ...SITE, datasource_parameters: null },
    FREE,
  ),
  toSite("crawl, credential type", "/datasource/get_website_crawl", {
    ...SITE,
    credential_type: "oauth2",
    datasource_parameters: { url: "u" },
  }),
  toDocs("pages", "/datasource/get_online_document_pages", { ...DOCS, datasource_parameters: {} }),
  toDocs("pages, parameters missing", "/datasource/get_online_document_pages", DOCS, FREE),
  toDocs("pages from a crawler", "/datasource/get_online_document_pages", {
    ...DOCS,
    datasource: "site",
    datasource_parameters: {},
  }),
  toDocs("page content", "/datasource/get_online_document_page_content", { ...DOCS, page: PAGE }, BLOB_IDS),
  toDocs("page content, missing page", "/datasource/get_online_document_page_content", {
    ...DOCS,
    page: { ...PAGE, page_id: "missing" },
  }),
  toDocs(
    "page content, half a page",
    "/datasource/get_online_document_page_content",
    { ...DOCS, page: { page_id: "p" } },
    FREE,
  ),
  toDocs("page content, no page", "/datasource/get_online_document_page_content", DOCS, FREE),
  toDrive("browse", "/datasource/online_drive_browse_files", {
    ...DRIVE,
    request: { bucket: null, prefix: "", max_keys: 20, next_page_parameters: null },
  }),
  toDrive("browse on", "/datasource/online_drive_browse_files", {
    ...DRIVE,
    request: { bucket: "b", prefix: "p/", max_keys: 1, next_page_parameters: { after: "f1", n: 1 } },
  }),
  toDrive(
    "browse, max_keys 0",
    "/datasource/online_drive_browse_files",
    { ...DRIVE, request: { prefix: "", max_keys: 0 } },
    FREE,
  ),
  toDrive("browse, no request", "/datasource/online_drive_browse_files", DRIVE, FREE),
  toDrive(
    "download",
    "/datasource/online_drive_download_file",
    { ...DRIVE, request: { bucket: null, id: "f1" } },
    BLOB_IDS,
  ),
  toDrive("download, missing file", "/datasource/online_drive_download_file", {
    ...DRIVE,
    request: { bucket: "b", id: "missing" },
  }),
  toDrive(
    "download, no id",
    "/datasource/online_drive_download_file",
    { ...DRIVE, request: { bucket: "b" } },
    FREE,
  ),
  toSite("oauth url", "/oauth/get_authorization_url", {
    ...OAUTH,
  }),
  toSite("oauth credentials with metadata", "/oauth/get_credentials", {
    ...OAUTH,
    raw_http_request: CALLBACK,
  }),
  toSite("oauth credentials, no code", "/oauth/get_credentials", {
    ...OAUTH,
    raw_http_request: hexOf("GET /cb HTTP/1.1\r\nHost: example.com\r\n\r\n"),
  }),
  toSite("oauth refresh", "/oauth/refresh_credentials", {
    ...OAUTH,
    credentials: {},
  }),
];

/** The three kinds of data sources: a crawler, online documents, an online drive. */
export const datasourcesScenario: Scenario = {
  name: "datasources",
  tenant: tenantOf(7),
  steps: [
    ...installSteps("kitchen-site.difypkg", "site"),
    ...installSteps("kitchen-docs.difypkg", "docs"),
    ...installSteps("kitchen-drive.difypkg", "drive"),
    ...STEPS,
    uninstallStep("site"),
    uninstallStep("docs"),
    uninstallStep("drive"),
  ],
};
