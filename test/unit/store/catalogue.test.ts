import { expect, test } from "bun:test";
import { declarationOf, identifierOf, install, installation, testStore, upload } from "./test-store.ts";

const MODEL = { model: { provider: "llama", label: { en_US: "Läma 🦙" }, models: [1.5, "模型"] } };
const TOOL_AND_ENDPOINT = {
  endpoint: { settings: [], tool: { identity: { name: "decoy" } } },
  tool: { identity: { name: "search" }, tools: [] },
};

async function setUp() {
  const { store, pass } = testStore();
  const add = async (tenantId: string, pluginId: string, more: Readonly<Record<string, unknown>>) => {
    const category = "model" in more ? "model" : "tool";
    await store.declarations.save(upload(pluginId, { category, declaration: declarationOf(pluginId, more) }));
    pass(1);
    return (await store.installations.add(installation(tenantId, pluginId))).row;
  };
  return { store, add, pass };
}

const text = (bytes: Uint8Array | undefined) => bytes && JSON.parse(new TextDecoder().decode(bytes));

test("plugins() answers a category of one tenant, newest first, with what a search looks at", async () => {
  const { store, add } = await setUp();
  const tool = { ...TOOL_AND_ENDPOINT, tags: ["search"], label: { en_US: "L", zh_Hans: "标签" } };
  const first = await add("t1", "acme/first", tool);
  await add("t1", "acme/model", MODEL);
  const second = await add("t1", "acme/second", { ...TOOL_AND_ENDPOINT, tags: null });
  await add("t2", "acme/other", TOOL_AND_ENDPOINT);
  expect(await store.catalogue.plugins("t1", "tool")).toEqual([
    { ...second, label: { en_US: "acme/second" }, description: { en_US: "acme/second" }, tags: [] },
    {
      ...first,
      label: { en_US: "L", zh_Hans: "标签" },
      description: { en_US: "acme/first" },
      tags: ["search"],
    },
  ]);
  expect(await store.catalogue.plugins("t1", "trigger")).toEqual([]);
});

test("providers() pages newest first, and provider() answers the one of a plugin", async () => {
  const { store, add } = await setUp();
  for (const name of ["a", "b", "c"])
    await add("t1", `acme/${name}`, { ...MODEL, model: { ...MODEL.model, provider: name } });
  await add("t1", "acme/tool", TOOL_AND_ENDPOINT);
  const names = async (page?: { offset: number; limit: number }) =>
    (await store.catalogue.providers("t1", "model", page)).map((row) => row.provider);
  expect(await names()).toEqual(["c", "b", "a"]);
  expect(await names({ offset: 1, limit: 1 })).toEqual(["b"]);
  expect(await names({ offset: 3, limit: 1 })).toEqual([]);
  expect(await store.catalogue.providers("t2", "model")).toEqual([]);
  expect(await store.catalogue.provider("t1", "acme/tool", "tool")).toMatchObject({
    kind: "tool",
    provider: "search",
    verified: false,
    pluginId: "acme/tool",
  });
  expect(await store.catalogue.provider("t1", "acme/tool", "model")).toBeUndefined();
  expect(await store.catalogue.provider("t2", "acme/tool", "tool")).toBeUndefined();
});

test("providers() tells what runs the plugin and whether it is verified", async () => {
  const { store, add } = await setUp();
  await add("t1", "acme/agent", { agent_strategy: { identity: { name: "walk" } }, verified: true });
  const [row] = await store.catalogue.providers("t1", "agent_strategy");
  expect(row).toMatchObject({ provider: "walk", verified: true });
  expect(JSON.parse(row?.pluginMeta ?? "")).toEqual(declarationOf("x").meta);
});

test("declaration() answers the stored text and the part that is a provider", async () => {
  const { store, add } = await setUp();
  await add("t1", "acme/model", MODEL);
  await add("t1", "acme/tool", TOOL_AND_ENDPOINT);
  const model = await store.catalogue.declaration(identifierOf("acme/model"));
  expect(text(model?.whole)).toEqual(declarationOf("acme/model", MODEL));
  expect(text(model?.provider("model"))).toEqual(MODEL.model);
  expect(model?.provider("tool")).toBeUndefined();
  const tool = await store.catalogue.declaration(identifierOf("acme/tool"));
  expect(text(tool?.provider("tool"))).toEqual(TOOL_AND_ENDPOINT.tool);
  expect(await store.catalogue.declaration(identifierOf("acme/none"))).toBeUndefined();
});

test("declaration() reads a text once, and anew when it was removed and uploaded again", async () => {
  const { store, add } = await setUp();
  const { id } = await add("t1", "acme/model", MODEL);
  const identifier = identifierOf("acme/model");
  const first = await store.catalogue.declaration(identifier);
  expect(await store.catalogue.declaration(identifier)).toBe(first);
  await store.installations.remove("t1", id);
  expect(await store.declarations.removeIfUnreferenced(identifier)).toBeDefined();
  expect(await store.catalogue.declaration(identifier)).toBeUndefined();
  await add("t1", "acme/model", { ...MODEL, verified: true });
  const again = await store.catalogue.declaration(identifier);
  expect(text(again?.whole)).toMatchObject({ verified: true });
  expect(text(again?.provider("model"))).toEqual(MODEL.model);
});

test("runtimeTypeOf() tells what runs a plugin that anybody has installed", async () => {
  const { store } = testStore();
  await install(store, "t1", "acme/local");
  await store.declarations.save(upload("acme/uploaded"));
  expect(await store.installations.runtimeTypeOf(identifierOf("acme/local"))).toBe("local");
  expect(await store.installations.runtimeTypeOf(identifierOf("acme/uploaded"))).toBeUndefined();
});

test("readmes: find() answers the language, else the fallback, else any; save() keeps what is there", async () => {
  const { store } = testStore();
  await store.declarations.save(upload("acme/a"));
  const identifier = identifierOf("acme/a");
  const find = (language: string, fallback = "en_US") =>
    store.readmes.find(identifier, { language, fallback });
  expect(await find("en_US")).toBeUndefined();
  await store.readmes.save(
    identifier,
    new Map([
      ["en_US", "hello"],
      ["zh_Hans", "你好"],
    ]),
  );
  await store.readmes.save(identifier, new Map([["en_US", "changed"]]));
  expect(await find("zh_Hans")).toEqual({ language: "zh_Hans", content: "你好" });
  expect(await find("pt_BR")).toEqual({ language: "en_US", content: "hello" });
  expect(await find("pt_BR", "ja_JP")).toBeDefined();
});

test("readmes: save() of a plugin that is gone leaves nothing, and readmes go with their plugin", async () => {
  const { store } = testStore();
  const identifier = identifierOf("acme/a");
  const find = () => store.readmes.find(identifier, { language: "en_US", fallback: "en_US" });
  await store.readmes.save(identifier, new Map([["en_US", "hello"]]));
  expect(await find()).toBeUndefined();
  await store.declarations.save(upload("acme/a"));
  await store.readmes.save(identifier, new Map([["en_US", "hello"]]));
  await store.declarations.removeIfUnreferenced(identifier);
  await store.declarations.save(upload("acme/a"));
  expect(await find()).toBeUndefined();
});
