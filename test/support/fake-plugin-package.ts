import { join } from "node:path";
import type { PackageFile } from "../../src/package/package.ts";
import type { StartKnobs } from "./fake-plugin.ts";

export interface FakePlugin {
  readonly author?: string;
  readonly name?: string;
  readonly version?: string;
  readonly startKnobs?: StartKnobs;
  /** `resource.memory` of the manifest, in bytes. */
  readonly memoryBytes?: number;
  /** It has endpoints, with a secret setting `token` where that is asked for. */
  readonly endpoints?: "plain" | "secret";
}

/** The fake plugin itself, to be run directly: `[process.execPath, FAKE_PLUGIN_PATH, JSON.stringify(knobs)]`. */
export const FAKE_PLUGIN_PATH = join(import.meta.dir, "fake-plugin.ts");

/** Provider and tool of the package, as a dispatch request names them. */
export const FAKE_PROVIDER = "fake";
export const FAKE_TOOL = "act";

const ICON = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1H0z"/></svg>\n';

const GROUP = {
  plain: "settings: []\nendpoints:\n  - {path: /any, method: GET}\n",
  secret:
    "settings:\n  - {name: token, type: secret-input, required: true, label: {en_US: Token}}\nendpoints:\n  - {path: /any, method: GET}\n",
};

/** Files of a valid package whose one tool does what `tool_parameters.mode` says, in archive order. */
export async function fakePluginFiles(plugin: FakePlugin = {}): Promise<PackageFile[]> {
  const {
    author = "tests",
    name = "fake",
    version = "0.0.1",
    startKnobs = {},
    memoryBytes = 268435456,
    endpoints,
  } = plugin;
  const texts: Readonly<Record<string, string>> = {
    "_assets/icon.svg": ICON,
    "fake-plugin.json": `${JSON.stringify(startKnobs)}\n`,
    "main.ts": await Bun.file(FAKE_PLUGIN_PATH).text(),
    "manifest.yaml": `version: "${version}"
type: plugin
author: "${author}"
name: "${name}"
label:
  en_US: Fake
description:
  en_US: Does what its tests ask for.
icon: icon.svg
created_at: "2026-01-01T00:00:00Z"
resource:
  memory: ${memoryBytes}
  permission:
    tool:
      enabled: true
    model:
      enabled: true
      llm: true
    storage:
      enabled: true
      size: 1048576
    endpoint:
      enabled: ${endpoints !== undefined}
plugins:
${endpoints === undefined ? "" : "  endpoints:\n    - group/hooks.yaml\n"}  tools:
    - provider/fake.yaml
meta:
  version: 0.0.1
  arch:
    - amd64
    - arm64
  runner:
    language: typescript
    version: "1.4"
    entrypoint: main.ts
`,
    ...(endpoints !== undefined && { "group/hooks.yaml": GROUP[endpoints] }),
    "provider/fake.yaml": `identity:
  author: "${author}"
  name: ${FAKE_PROVIDER}
  label:
    en_US: Fake
  description:
    en_US: Does what its tests ask for.
  icon: icon.svg
  tags: []
tools:
  - tools/act.yaml
`,
    "tools/act.yaml": `identity:
  author: "${author}"
  name: ${FAKE_TOOL}
  label:
    en_US: Act
description:
  human:
    en_US: Does what mode says.
  llm: Does what mode says.
parameters:
  - name: mode
    type: string
    required: false
    default: echo
    label:
      en_US: Mode
    human_description:
      en_US: What to do
    llm_description: What to do
    form: llm
`,
  };
  const encoder = new TextEncoder();
  return Object.entries(texts).map(([path, text]) => ({ path, bytes: encoder.encode(text) }));
}
