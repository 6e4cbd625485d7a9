/** Garbage for what reads packages, bundles, requests, items and settings: it answers or refuses, in time, and breaks nothing. */
import { afterAll, afterEach, expect, setDefaultTimeout, test } from "bun:test";
import * as fc from "fast-check";
import { SETTING_GROUPS } from "../../src/config/config.ts";
import { ConfigError } from "../../src/config/config-error.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import { JsonSyntaxError, parseExact } from "../../src/lib/exact-json.ts";
import { agentStrategy, agentStrategyProvider } from "../../src/package/declaration/agent-strategy.ts";
import { datasource, datasourceProvider } from "../../src/package/declaration/datasource.ts";
import { endpoint, endpointProvider } from "../../src/package/declaration/endpoint.ts";
import { manifest } from "../../src/package/declaration/manifest.ts";
import { modelProvider } from "../../src/package/declaration/model-provider.ts";
import { model } from "../../src/package/declaration/model.ts";
import { tool, toolProvider } from "../../src/package/declaration/tool.ts";
import { event, triggerProvider } from "../../src/package/declaration/trigger.ts";
import { dependency } from "../../src/package/bundle/dependency.ts";
import { bundleManifest } from "../../src/package/bundle/manifest.ts";
import { openBundle } from "../../src/package/bundle/open-bundle.ts";
import { readPackage } from "../../src/package/read-package.ts";
import { decodeYaml } from "../../src/package/yaml/decode.ts";
import { free } from "../../src/package/yaml/free.ts";
import { ACTIONS } from "../../src/protocol/actions/catalogue.ts";
import { DaemonError } from "../../src/protocol/daemon-error.ts";
import { ItemError } from "../../src/protocol/invocation.ts";
import { createPlainCodec } from "../../src/protocol/plain/codec.ts";
import { createSdkCodec } from "../../src/protocol/sdk/codec.ts";
import {
  bundleManifestText,
  GITHUB_LINE,
  MARKETPLACE_LINE,
  packageLine,
  packBundle,
} from "../support/bundle.ts";
import {
  checkAll,
  garbageJson,
  garbageRuns,
  garbageText,
  heldMegabytes,
  mutatedBytes,
  mutatedJson,
  mutatedText,
} from "../support/garbage.ts";
import { packZip, textEntries, TINY, tinyPackage } from "../support/pack.ts";
import items from "../conformance/fixtures/wire-items.json" with { type: "json" };
import requests from "../conformance/fixtures/wire-requests.json" with { type: "json" };

setDefaultTimeout(600_000);

/** All properties of this file together get three tenths of a long run. */
const RUNS = garbageRuns({ gate: 100, share: 0.3 / 7 });
/** What the process may hold at the end beyond what it held after the first property. */
const MAX_GROWTH_MB = 200;

const isRefusal = (error: unknown) => error instanceof DaemonError && error.code === "bad_request";
const encoded = (text: string) => new Uint8Array(Buffer.from(text));

let heldAtFirst: number | undefined;
afterEach(() => {
  heldAtFirst ??= heldMegabytes();
});
afterAll(() => {
  expect(heldMegabytes() - (heldAtFirst ?? 0)).toBeLessThan(MAX_GROWTH_MB);
});

const check = checkAll(RUNS);

const YAML_FILES = [
  ...Object.entries(TINY).flatMap(([path, text]) => (path.endsWith(".yaml") ? [text] : [])),
  bundleManifestText([GITHUB_LINE, MARKETPLACE_LINE, packageLine("a.difypkg")]),
  "provider: p\nlabel: {en_US: x}\nsupported_model_types: [llm]\nconfigurate_methods: [predefined-model]\nmodels: {llm: {predefined: [a.yaml]}}\n",
  "model: m\nmodel_type: llm\nlabel: {en_US: x}\nmodel_properties: {mode: chat, context_size: 1}\nparameter_rules: [{name: t, use_template: temperature}]\npricing: {input: '0.1', unit: '0.001', currency: USD}\n",
  "a: &x {b: [1, 2.50, 2024-01-01, yes, ~]}\nc: *x\nd: {<<: *x, e: |\n  text\n}\n",
];
const YAML_DECODERS = [
  manifest, tool, toolProvider, endpoint, endpointProvider, agentStrategy, agentStrategyProvider, datasource, datasourceProvider,
  event, triggerProvider, model, modelProvider, bundleManifest, dependency, free,
] as const; // prettier-ignore

test("decodeYaml() survives any text, as every file of a package and of a bundle", async () => {
  const text = fc.oneof(garbageText, mutatedText(fc.constantFrom(...YAML_FILES)));
  const bytes = fc.oneof(text.map(encoded), mutatedBytes(fc.constantFrom(...YAML_FILES).map(encoded)));
  const decoder = fc.nat({ max: YAML_DECODERS.length - 1 });
  await check(
    fc.tuple(bytes, decoder),
    ([given, at]) => decodeYaml<unknown>(given, YAML_DECODERS[at] ?? free),
    isRefusal,
  );
});

const PACKAGES = [
  tinyPackage(),
  packZip(textEntries(TINY), { zip64: true }),
  packZip(textEntries(TINY), { descriptors: true, comment: '{"signature":"AAAA","time":1}' }),
];

test("readPackage() survives archives that are broken anywhere", async () => {
  await check(
    mutatedBytes(fc.constantFrom(...PACKAGES)),
    (bytes) => readPackage(bytes, { maxUncompressedBytes: 1_000_000, publicKeys: [] }),
    isRefusal,
  );
});

test("readPackage() survives whole archives of broken files", async () => {
  const names = fc.constantFrom(...Object.keys(TINY), "_assets/../x", "a/b.yaml");
  const content = fc.oneof(garbageText, mutatedText(fc.constantFrom(...Object.values(TINY))));
  await check(
    fc.dictionary(names, content, { maxKeys: 3 }),
    (changed) => readPackage(tinyPackage(changed), { maxUncompressedBytes: 1_000_000, publicKeys: [] }),
    isRefusal,
  );
});

test("openBundle() survives archives that are broken anywhere", async () => {
  const bundle = packBundle({
    dependencies: [GITHUB_LINE, packageLine("a.difypkg")],
    assets: { "a.difypkg": tinyPackage() },
  });
  await check(
    mutatedBytes(fc.constant(bundle)),
    async (bytes) => {
      const { asset } = await openBundle(bytes);
      await asset("a.difypkg")?.read();
    },
    isRefusal,
  );
});

test("prepare() of every action survives any body", async () => {
  const action = fc.constantFrom(...ACTIONS);
  const body = fc.oneof(
    mutatedJson(fc.constantFrom(...requests).map((request) => JSON.parse(request.body))),
    garbageJson,
    garbageJson.map((data) => ({ data })),
  );
  await check(
    fc.tuple(action, body),
    ([row, given]) => {
      const text = JSON.stringify(given);
      const request = row.prepare(parseExact(text));
      expect(request.data["action"]).toBe(row.action);
      for (const codec of [createSdkCodec(), createPlainCodec()])
        codec.encode({
          kind: "request",
          sessionId: "s",
          session: request.session,
          data: request.data,
        });
    },
    (error) => isRefusal(error) || error instanceof JsonSyntaxError,
  );
});

test("the item decoder of every action survives any item, and answers one line of JSON", async () => {
  const action = fc.constantFrom(...ACTIONS);
  const item = fc.oneof(mutatedJson(fc.constantFrom(...items).map((one) => one.item)), garbageJson);
  await check(
    fc.tuple(action, fc.array(item, { minLength: 1, maxLength: 3 })),
    ([row, given]) => {
      const decode = row.createItemDecoder();
      for (const one of given) {
        const raw = JSON.stringify(one);
        const text = decode(JSON.parse(raw), raw);
        if (text === undefined) continue;
        JSON.parse(text);
        expect(text).not.toMatch(/[\r\n]/);
      }
    },
    (error) => error instanceof ItemError,
  );
});

test("parseConfig() survives any environment", async () => {
  const names = SETTING_GROUPS.flatMap(({ settings }) => Object.keys(settings));
  const value = fc.oneof(
    garbageText,
    fc.constantFrom("0", "1", "-1", "99999999999", "true", "1h", "local", "http://h", "a,b", "0x10", " "),
  );
  await check(
    fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 8 }),
    parseConfig,
    (error) => error instanceof ConfigError,
  );
});
