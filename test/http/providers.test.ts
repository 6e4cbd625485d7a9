import { expect, test } from "bun:test";
import { type Management, withManagement } from "./management-support.ts";
import { installTestPlugin } from "./test-plugins.ts";

const M = "/management";
const PAGE = "page=1&page_size=256";
/** Route of the list, route of one, key in a test plugin. */
const KINDS = [
  ["tools", "tool", "tool"],
  ["agent_strategies", "agent_strategy", "agent_strategy"],
  ["datasources", "datasource", "datasource"],
  ["triggers", "trigger", "trigger"],
] as const;

interface ProviderRow {
  readonly id: string;
  readonly provider: string;
}

async function rows(management: Management, path: string): Promise<readonly ProviderRow[]> {
  return (await management.get(`${M}${path}`)).data as readonly ProviderRow[];
}

test("lists and single look-ups show a provider with its part of the declaration", () =>
  withManagement(async (management) => {
    for (const [many, one, kind] of KINDS) {
      const { identifier, declaration, row } = await installTestPlugin(management, kind, {
        [kind]: "kitchen",
      });
      const expected = {
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/),
        created_at: row.createdAt.toISOString(),
        updated_at: row.updatedAt.toISOString(),
        tenant_id: "t1",
        provider: "kitchen",
        plugin_unique_identifier: identifier,
        plugin_id: `acme/${kind}`,
        declaration: declaration[kind],
        ...(kind === "agent_strategy" && { meta: declaration.meta }),
      };
      expect([kind, await rows(management, `/${many}?${PAGE}`)]).toEqual([kind, [expected]]);
      const single = await management.get(`${M}/${one}?plugin_id=acme/${kind}&provider=kitchen`);
      expect([kind, single.data]).toEqual([kind, expected]);
    }
  }));

test("models are listed with their own names", () =>
  withManagement(async (management) => {
    await installTestPlugin(management, "model", { model: "llama" });
    await installTestPlugin(management, "tool", { tool: "search" });
    expect(await rows(management, `/models?${PAGE}`)).toMatchObject([
      { provider: "llama", declaration: { provider: "llama", models: [] } },
    ]);
  }));

test("lists are paged, newest first, and of one tenant", () =>
  withManagement(async (management) => {
    for (const name of ["a", "b", "c"]) await installTestPlugin(management, name, { tool: name });
    await installTestPlugin(management, "d", { tool: "d" }, "t2");
    const names = async (query: string) =>
      (await rows(management, `/tools?${query}`)).map(({ provider }) => provider);
    expect(await names("page=1&page_size=2")).toEqual(["c", "b"]);
    expect(await names("page=2&page_size=2")).toEqual(["a"]);
    expect(await names("page=3&page_size=2")).toEqual([]);
    for (const query of ["", "page=0&page_size=1", "page=1&page_size=257", "page=-1&page_size=1"])
      for (const path of ["tools", "models", "agent_strategies", "datasources", "triggers"])
        expect((await management.get(`${M}/${path}?${query}`)).status).toBe(400);
  }));

test("a provider keeps its id over upgrades, and no two have the same", () =>
  withManagement(async (management) => {
    await installTestPlugin(management, "a", { tool: "x", datasource: "x" });
    await installTestPlugin(management, "b", { tool: "x" });
    const ids = async () =>
      [
        ...(await rows(management, `/tools?${PAGE}`)),
        ...(await rows(management, `/datasources?${PAGE}`)),
      ].map(({ id }) => id);
    const before = await ids();
    expect(new Set(before).size).toBe(3);
    const { identifier } = await installTestPlugin(management, "a", {});
    const next = identifier.replace(":1.0.0", ":2.0.0");
    const uploaded = await management.store.declarations.get(identifier);
    if (!uploaded) throw new Error("nothing was uploaded");
    await management.store.declarations.save({ ...uploaded, identifier: next });
    const change = { tenantId: "t1", from: identifier, to: next, source: "package", meta: {} };
    expect(await management.store.installations.switchVersion(change)).toBeDefined();
    expect(await ids()).toEqual(before);
  }));

test("a provider that is not there is not found; of datasources a missing plugin is told in other words", () =>
  withManagement(async (management) => {
    for (const [, one, kind] of KINDS) {
      await installTestPlugin(management, kind, { [kind]: "kitchen" });
      const notFound = {
        status: 200,
        code: -404,
        error: { message: "plugin not found", error_type: "PluginNotFoundError" },
      };
      expect(await management.get(`${M}/${one}?plugin_id=acme/${kind}&provider=other`)).toMatchObject(
        notFound,
      );
      expect(await management.get(`${M}/${one}?plugin_id=acme/none&provider=kitchen`)).toMatchObject(
        kind === "datasource"
          ? {
              status: 200,
              code: -500,
              error: { message: "record not found", error_type: "PluginDaemonInternalServerError" },
            }
          : notFound,
      );
      expect(await management.get(`${M}/${one}?plugin_id=acme/${kind}&provider=kitchen`, "t2")).toMatchObject(
        { code: kind === "datasource" ? -500 : -404 },
      );
      for (const query of ["", "plugin_id=acme/x", "provider=kitchen", "plugin_id=&provider="])
        expect((await management.get(`${M}/${one}?${query}`)).status).toBe(400);
    }
  }));

test("check existence answers in the order asked for", () =>
  withManagement(async (management) => {
    await installTestPlugin(management, "a", { tool: "search" });
    const ask = (provider_ids: unknown) => management.post(`${M}/tools/check_existence`, { provider_ids });
    const there = { plugin_id: "acme/a", provider_name: "search" };
    expect(
      (await ask([{ ...there, provider_name: "x" }, there, { ...there, plugin_id: "acme/b" }, there])).data,
    ).toEqual([false, true, false, true]);
    expect((await ask([])).data).toEqual([]);
    for (const wrong of [
      undefined,
      null,
      "x",
      {},
      [{ plugin_id: "acme/a" }],
      [there, { ...there, provider_name: "" }],
      [5],
      [null],
    ])
      expect((await ask(wrong)).status).toBe(400);
  }));

test("model bindings tell which installation serves a provider, the newest first", () =>
  withManagement(async (management) => {
    const first = await installTestPlugin(management, "a", { model: "llama", verified: true });
    await installTestPlugin(management, "tool", { tool: "search" });
    await installTestPlugin(management, "b", { model: "qwen" });
    expect((await management.get(`${M}/models/bindings`)).data).toMatchObject([
      { provider: "qwen", verified: false },
      {
        provider: "llama",
        installation_id: first.row.id,
        plugin_id: "acme/a",
        plugin_unique_identifier: first.identifier,
        runtime_type: "local",
        source: "package",
        version: "1.0.0",
        verified: true,
      },
    ]);
    expect((await management.get(`${M}/models/bindings`, "t2")).data).toEqual([]);
  }));
