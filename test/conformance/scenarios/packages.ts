import type { Scenario, Step } from "./scenario.ts";
import { UNKNOWN_IDENTIFIER as UNKNOWN, tenantOf } from "./shared-steps.ts";

const TENANT = "/plugin/{{tenant}}";
const MANAGEMENT = `${TENANT}/management`;
const UPLOAD = `${MANAGEMENT}/install/upload/package`;
const UPLOAD_BUNDLE = `${MANAGEMENT}/install/upload/bundle`;

const KITCHEN = ["tools", "models", "agent", "site", "docs", "drive", "trigger", "endpoints", "back"];
const ODD = [
  "odd-lenient",
  "odd-yaml",
  "odd-two-providers",
  "odd-comment",
  "odd-duplicate-entry",
  "odd-no-readme",
  "odd-deep-asset",
];
/** Refused in words that clients may show. */
const REFUSED_TO_THE_LETTER = [
  "author-missing",
  "author-upper",
  "author-uuid",
  "name-upper",
  "no-kind",
  "tool-and-model",
  "version-missing",
  "version-with-v",
];
/** Refused, or let through, in the words of a zip reader, a YAML parser or a validator. */
const REFUSED = [
  "absolute-entry",
  "backslash-entry",
  "bomb",
  "broken-yaml",
  "directory-entry",
  "duplicate-key",
  "empty-file",
  "empty-manifest",
  "empty-zip",
  "icon-missing",
  "inside-a-folder",
  "lying-size",
  "manifest-list",
  "no-manifest",
  "not-a-zip",
  "parent-entry",
  "provider-broken",
  "provider-file-missing",
  "provider-icon-missing",
  "quoted-bare-date",
  "tool-file-missing",
  "tool-wrong-type",
  "truncated",
  "unknown-template",
  "wrong-crc",
  "wrong-type-label",
  "wrong-type-memory",
];

function upload(file: string, more: Partial<Step> & { readonly verify?: string } = {}): Step {
  const { verify = "false", ...rest } = more;
  return {
    name: `upload ${file}`,
    path: UPLOAD,
    body: { upload: { field: "dify_pkg", name: file, fields: { verify_signature: verify } } },
    ...rest,
  };
}

function uploadBundle(name: string, file: string, more: Partial<Step> & { readonly verify?: string } = {}) {
  const { verify = "false", ...rest } = more;
  return upload(file, {
    name,
    path: UPLOAD_BUNDLE,
    body: { upload: { field: "dify_bundle", name: file, fields: { verify_signature: verify } } },
    ...rest,
  });
}

/** Asks for something of the package with this identifier; `query` is added to the path. */
function about(identifier: string, name: string, path: string, query = ""): Step {
  return { name, path: `${path}?plugin_unique_identifier=${identifier}${query}` };
}

const FREE = { freeText: true } as const;
const DECODE = `${MANAGEMENT}/decode/from_identifier`;
const MANIFEST = `${MANAGEMENT}/fetch/manifest`;
const IDENTIFIER = `${MANAGEMENT}/fetch/identifier`;
const README = `${MANAGEMENT}/fetch/readme`;
const EXTRACT_ASSET = `${TENANT}/extract-asset/`;

/** The answer to an upload carries the whole declaration. */
const UPLOADS: readonly Step[] = [
  upload("tiny.difypkg", {
    capture: { tiny: "json.data.unique_identifier", icon: "json.data.manifest.icon" },
  }),
  upload("tiny.difypkg", { name: "upload tiny.difypkg again" }),
  ...KITCHEN.map((kind) =>
    upload(`kitchen-${kind}.difypkg`, {
      capture: {
        [`kitchen_${kind}`]: "json.data.unique_identifier",
        [`kitchen_${kind}_icon`]: "json.data.manifest.icon",
      },
    }),
  ),
  ...ODD.map((name) =>
    upload(`${name}.difypkg`, {
      capture: { [name.replaceAll("-", "_")]: "json.data.unique_identifier" },
      ...(name === "odd-yaml" && { ignored: ["json.data.manifest.tool.tools.0.parameters.0.label"] }),
    }),
  ),
  upload("tiny.difypkg", { name: "upload unsigned, verify_signature true", verify: "true" }),
  upload("tiny.difypkg", { name: "upload unsigned, verify_signature 1", verify: "1" }),
  upload("odd-comment.difypkg", {
    name: "upload with a worthless signature, verify_signature true",
    verify: "true",
  }),
];

const WRONG_PARTS: readonly Step[] = [
  { name: "upload nothing", path: UPLOAD, body: { json: {} }, ...FREE },
  {
    name: "upload under another field",
    path: UPLOAD,
    body: { upload: { field: "file", name: "tiny.difypkg" } },
    ...FREE,
  },
  {
    name: "upload as plain body",
    path: UPLOAD,
    body: { text: "PK" },
    contentType: "application/octet-stream",
    ...FREE,
  },
  {
    name: "upload too large",
    path: UPLOAD,
    body: { upload: { field: "dify_pkg", name: "big.difypkg", zeros: 50 * 1024 * 1024 + 1 } },
  },
];

const REFUSALS: readonly Step[] = [
  ...REFUSED_TO_THE_LETTER.map((name) => upload(`bad/${name}.difypkg`)),
  ...REFUSED.map((name) => upload(`bad/${name}.difypkg`, FREE)),
];

const READING: readonly Step[] = [
  about("{{tiny}}", "decode", DECODE),
  about("{{kitchen_tools}}", "decode kitchen-tools", DECODE),
  { name: "decode, old key spelling", path: `${DECODE}?PluginUniqueIdentifier={{tiny}}`, ...FREE },
  {
    name: "decode, JSON body",
    method: "GET",
    path: DECODE,
    body: { json: { plugin_unique_identifier: "{{tiny}}" } },
    ...FREE,
  },
  about(UNKNOWN, "decode, never uploaded", DECODE),
  { ...about("nonsense", "decode, malformed", DECODE), ...FREE },
  { name: "decode, nothing", path: DECODE, ...FREE },
  about("{{tiny}}", "manifest", MANIFEST),
  about("{{kitchen_models}}", "manifest kitchen-models", MANIFEST),
  about(UNKNOWN, "manifest, never uploaded", MANIFEST),
  { ...about("a/b", "manifest, malformed", MANIFEST), ...FREE },
  about("{{tiny}}", "identifier of an uploaded, not installed package", IDENTIFIER),
  about(UNKNOWN, "identifier, never uploaded", IDENTIFIER),
  { ...about("a", "identifier, malformed", IDENTIFIER), ...FREE },
  about("{{kitchen_tools}}", "readme", README),
  about("{{kitchen_tools}}", "readme zh_Hans", README, "&language=zh_Hans"),
  about("{{kitchen_tools}}", "readme pt_BR falls back", README, "&language=pt_BR"),
  about("{{kitchen_tools}}", "readme, odd language", README, "&language=xx"),
  about("{{kitchen_tools}}", "readme again, from the store", README, "&language=en_US"),
  about("{{odd_no_readme}}", "readme, package without one", README),
  { ...about(UNKNOWN, "readme, never uploaded", README), ...FREE },
  { name: "readme, no identifier", path: README, ...FREE },
];

const ASSETS: readonly Step[] = [
  { name: "asset", path: `${TENANT}/asset/{{icon}}` },
  {
    name: "asset, other tenant",
    path: "/plugin/22222222-2222-4333-8444-555555555555/asset/{{kitchen_models_icon}}",
  },
  { name: "asset, unknown", path: `${TENANT}/asset/${"0".repeat(64)}.svg` },
  { name: "asset, climbing out", path: `${TENANT}/asset/..%2f..%2fmanifest.yaml`, ...FREE },
  about("{{tiny}}", "packaged asset", EXTRACT_ASSET, "&file_path=i.svg"),
  about("{{odd_deep_asset}}", "packaged asset, deep", EXTRACT_ASSET, "&file_path=sub/i.svg"),
  about("{{tiny}}", "packaged asset with the folder's name", EXTRACT_ASSET, "&file_path=_assets/i.svg"),
  about("{{tiny}}", "packaged asset, unknown", EXTRACT_ASSET, "&file_path=none.svg"),
  about("{{tiny}}", "packaged asset, climbing out", EXTRACT_ASSET, "&file_path=../manifest.yaml"),
  { ...about(UNKNOWN, "packaged asset, never uploaded", EXTRACT_ASSET, "&file_path=i.svg"), ...FREE },
  { ...about("{{tiny}}", "packaged asset, no file", EXTRACT_ASSET), ...FREE },
  {
    ...about("{{tiny}}", "packaged asset without the slash", `${TENANT}/extract-asset`, "&file_path=i.svg"),
    ignored: ["text", "type"],
  },
];

function extract(name: string, identifier: string): Step {
  return { name, path: "/v2/invoke/extract", headers: { "X-Plugin-Unique-Identifier": identifier } };
}

const EXTRACTS: readonly Step[] = [
  extract("extract", "{{tiny}}"),
  extract("extract, never uploaded", UNKNOWN),
  { ...extract("extract, malformed", "nonsense"), ...FREE },
  { name: "extract, no header", path: "/v2/invoke/extract" },
];

const BUNDLES: readonly Step[] = [
  uploadBundle("bundle", "box.difybndl"),
  {
    name: "bundle under another field",
    path: UPLOAD_BUNDLE,
    body: { upload: { field: "dify_pkg", name: "box.difybndl" } },
    ...FREE,
  },
  uploadBundle("bundle, signature asked for", "box.difybndl", { verify: "true" }),
  uploadBundle("bundle box-missing-package", "bad/box-missing-package.difybndl", FREE),
  uploadBundle("bundle box-bad-package", "bad/box-bad-package.difybndl", FREE),
  uploadBundle("bundle box-langgenius", "bad/box-langgenius.difybndl"),
  {
    name: "bundle that is a package",
    path: UPLOAD_BUNDLE,
    body: { upload: { field: "dify_bundle", name: "tiny.difypkg" } },
    ...FREE,
  },
  {
    name: "package that is a bundle",
    path: UPLOAD,
    body: { upload: { field: "dify_pkg", name: "box.difybndl" } },
    ...FREE,
  },
];

/** Good, odd and bad packages, what can be read of them, and bundles. Nothing is installed. */
export const packagesScenario: Scenario = {
  name: "packages",
  tenant: tenantOf(2),
  steps: [...UPLOADS, ...WRONG_PARTS, ...REFUSALS, ...READING, ...ASSETS, ...EXTRACTS, ...BUNDLES],
};
