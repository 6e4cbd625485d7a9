import { expect, test } from "bun:test";
import { createInstalledLists } from "../../src/service/installed-lists.ts";
import { type Management, withManagement } from "./management-support.ts";
import { installTestPlugin } from "./test-plugins.ts";

interface Listed {
  readonly id: string;
  readonly name: string;
  readonly plugin_id: string;
  readonly installation_id: string;
}

const M = "/management";
const PAGE = "page=1&page_size=256";

async function listed(management: Management, path: string): Promise<readonly string[]> {
  const { data } = await management.get(`${M}${path}`);
  return (data as { list: readonly Listed[] }).list.map((row) => row.plugin_id);
}

/** Three tools, the newest first: c, b, a; and one plugin of every other category. */
async function installAll(management: Management): Promise<void> {
  await installTestPlugin(management, "a", { tool: "search", tags: ["search"] });
  await installTestPlugin(management, "b", {
    tool: "paint",
    tags: ["image", "design"],
    label: { en_US: "Brush", zh_Hans: "画笔" },
  });
  await installTestPlugin(management, "c", { tool: "both", description: { en_US: "Talks about BRUSHES" } });
  for (const kind of ["model", "agent_strategy", "datasource", "trigger"] as const)
    await installTestPlugin(management, kind, { [kind]: kind });
  await installTestPlugin(management, "ext", {});
  await installTestPlugin(management, "other", { tool: "x" }, "t2");
}

test("list answers a page and the total, newest first, with the declaration as it was uploaded", () =>
  withManagement(async (management) => {
    const { identifier, declaration, row } = await installTestPlugin(management, "a", { tool: "search" });
    await installTestPlugin(management, "b", { tool: "paint" });
    const { data, status } = await management.get(`${M}/list?page=2&page_size=1&response_type=paged`);
    const at = row.createdAt.toISOString();
    expect([status, data]).toEqual([
      200,
      {
        total: 2,
        list: [
          {
            id: row.id,
            installation_id: row.id,
            name: "a",
            created_at: at,
            updated_at: at,
            tenant_id: "t1",
            plugin_id: "acme/a",
            plugin_unique_identifier: identifier,
            runtime_type: "local",
            endpoints_setups: 0,
            endpoints_active: 0,
            source: "package",
            meta: { from: "test" },
            version: "1.0.0",
            checksum: identifier.split("@")[1],
            declaration,
          },
        ],
      },
    ]);
  }));

test("list by category answers each plugin in one category, and has_more while there is more", () =>
  withManagement(async (management) => {
    await installAll(management);
    expect(await listed(management, `/tool/list?${PAGE}`)).toEqual(["acme/c", "acme/b", "acme/a"]);
    for (const [category, plugin] of [
      ["model", "model"],
      ["agent-strategy", "agent_strategy"],
      ["datasource", "datasource"],
      ["trigger", "trigger"],
      ["extension", "ext"],
    ])
      expect(await listed(management, `/${category}/list?${PAGE}`)).toEqual([`acme/${plugin}`]);
    for (const [page, size, plugins, more] of [
      [1, 2, ["acme/c", "acme/b"], true],
      [2, 2, ["acme/a"], false],
      [1, 3, ["acme/c", "acme/b", "acme/a"], false],
      [3, 2, [], false],
    ] as const) {
      const path = `/tool/list?page=${page}&page_size=${size}`;
      expect(await listed(management, path)).toEqual([...plugins]);
      expect((await management.get(`${M}${path}`)).data).toMatchObject({ has_more: more });
    }
  }));

test("list by category searches before it pages", () =>
  withManagement(async (management) => {
    await installAll(management);
    for (const [query, plugins] of [
      ["query=BRUSH", ["acme/c", "acme/b"]],
      ["query=brush&language=zh_Hans", ["acme/c"]],
      ["query=%E7%94%BB&language=zh_Hans", ["acme/b"]],
      ["query=acme/A", ["acme/a"]],
      ["query=zzz", []],
      ["query=", ["acme/c", "acme/b", "acme/a"]],
      ["tags=search&tags=design", ["acme/b", "acme/a"]],
      ["tags=search&query=brush", []],
      ["language=", ["acme/c", "acme/b", "acme/a"]],
    ] as const)
      expect([query, await listed(management, `/tool/list?${PAGE}&${query}`)]).toEqual([query, [...plugins]]);
    const { data } = await management.get(`${M}/tool/list?page=1&page_size=1&query=brush`);
    expect(data).toMatchObject({ list: [{ plugin_id: "acme/c" }], has_more: true });
  }));

test("list by category refuses what it does not know", () =>
  withManagement(async (management) => {
    for (const [query, rule] of [
      [
        `${PAGE}&tags=nonsense`,
        "Key: 'Tags[0]' Error:Field validation for 'Tags[0]' failed on the 'oneof' tag",
      ],
      [`${PAGE}&tags=search&tags=`, "Tags[1]"],
      [`${PAGE}&tags=search${"&tags=search".repeat(128)}`, "'max' tag"],
      [`${PAGE}&language=xx`, "'oneof' tag"],
      [`${PAGE}&query=${"é".repeat(257)}`, "'max' tag"],
      ["", "Key: 'PageSize' Error:Field validation for 'PageSize' failed on the 'required' tag"],
      ["page=1&page_size=257", "'max' tag"],
    ]) {
      const answer = await management.get(`${M}/tool/list?${query}`);
      expect([answer.status, answer.code]).toEqual([400, -400]);
      expect(answer.error?.message).toContain(rule ?? "");
    }
    expect((await management.get(`${M}/tool/list?${PAGE}&query=${"é".repeat(256)}`)).status).toBe(200);
  }));

test("an unknown category is refused, also where the path begins like that of another route", () =>
  withManagement(async (management) => {
    for (const category of [
      "nonsense",
      "models",
      "tools",
      "install",
      "installation",
      "fetch",
      "Tool",
      "agent_strategy",
    ])
      expect(await management.get(`${M}/${category}/list?${PAGE}`)).toMatchObject({
        status: 200,
        code: -400,
        error: { message: "invalid plugin category", error_type: "PluginDaemonBadRequestError" },
      });
  }));

test("installation ids are those of a category, newest first", () =>
  withManagement(async (management) => {
    await installAll(management);
    const ids = (category: string) => management.get(`${M}/installation/ids?category=${category}`);
    expect((await ids("tool")).data).toEqual({ plugin_ids: ["acme/c", "acme/b", "acme/a"] });
    expect((await ids("trigger")).data).toEqual({ plugin_ids: ["acme/trigger"] });
    expect(await ids("x")).toMatchObject({
      status: 200,
      code: -400,
      error: { message: "invalid plugin category" },
    });
    expect(await ids("")).toMatchObject({ status: 400, code: -400 });
    expect(await management.get(`${M}/installation/ids`)).toMatchObject({ status: 400, code: -400 });
  }));

test("fetch batch answers rows without names for what is installed of these", () =>
  withManagement(async (management) => {
    await installAll(management);
    const { data } = await management.post(`${M}/installation/fetch/batch`, {
      plugin_ids: ["acme/a", "acme/none", "acme/ext", "acme/a"],
    });
    expect(data).toMatchObject([
      { plugin_id: "acme/ext", declaration: { name: "ext" } },
      { plugin_id: "acme/a", declaration: { name: "a", tool: { identity: { name: "search" } } } },
    ]);
    for (const row of data as readonly object[]) {
      expect(row).not.toHaveProperty("name");
      expect(row).not.toHaveProperty("installation_id");
    }
  }));

test("lists go on while what they tell is uninstalled, without it", () =>
  withManagement(async (management) => {
    const { row, identifier } = await installTestPlugin(management, "a", { tool: "search" });
    await installTestPlugin(management, "b", { tool: "paint" });
    const { catalogue } = management.store;
    const lists = await createInstalledLists(management.store).all("t1", { offset: 0, limit: 10 });
    await management.store.installations.remove("t1", row.id);
    await management.store.declarations.removeIfUnreferenced(identifier);
    expect(await catalogue.declaration(identifier)).toBeUndefined();
    let text = "";
    for await (const piece of lists)
      text += typeof piece === "string" ? piece : new TextDecoder().decode(piece);
    expect(JSON.parse(text)).toMatchObject({ list: [{ plugin_id: "acme/b" }] });
  }));
