import { describe, expect, test } from "bun:test";
import { createEndpoints, SECRET_FIELD } from "./endpoints-support.ts";

const TRACE = /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/;
const SECRET = "top-secret-value";

describe("POST /setup", () => {
  test("encrypts for the id of the new row, and stores what comes back", async () => {
    const { install, setUp, store, asked, list, counters } = createEndpoints();
    const { identifier } = await install([SECRET_FIELD]);
    expect(await setUp(identifier, { api_key: SECRET, other: [1] })).toMatchObject({
      status: 200,
      code: 0,
      data: true,
    });
    const [listed] = await list();
    const row = await store.endpoints.byId("t1", listed?.id ?? "");
    expect(JSON.parse(row?.settings ?? "")).toEqual({ api_key: `enc:${SECRET}`, other: [1] });
    expect(asked[0]).toEqual({
      path: "invoke/encrypt",
      body: {
        tenant_id: "t1",
        user_id: "u1",
        type: "encrypt",
        opt: "encrypt",
        namespace: "endpoint",
        identity: row?.id ?? "",
        data: { api_key: SECRET, other: [1] },
        config: [SECRET_FIELD],
      },
      traceparent: expect.stringMatching(TRACE),
    });
    expect(row?.hookId).toMatch(/^[a-z0-9]{16}$/);
    expect(await counters()).toEqual([1, 1]);
  });

  test("asks nobody when there is no secret among the fields", async () => {
    const { install, setUp, asked, list } = createEndpoints();
    const { identifier } = await install([{ name: "title", type: "text-input" }]);
    expect((await setUp(identifier, { title: "x", api_key: SECRET })).code).toBe(0);
    expect((await list())[0]?.settings).toEqual({ title: "x", api_key: SECRET });
    expect(asked).toEqual([]);
  });

  test("takes fields that are null for none", async () => {
    const { install, setUp, list } = createEndpoints();
    const { identifier } = await install(null);
    expect((await setUp(identifier, {})).code).toBe(0);
    expect((await list())[0]?.declaration).toEqual({
      settings: [],
      endpoints: [{ path: "/a", method: "GET", hidden: false }],
    });
  });

  test("leaves nothing behind when the encryption fails", async () => {
    for (const broken of [
      { refuse: "encrypt" },
      { answer: '{"data":null}' },
      { answer: "{}" },
      { answer: "[]" },
    ]) {
      const { install, setUp, control, list, counters } = createEndpoints();
      const { identifier } = await install([SECRET_FIELD]);
      Object.assign(control, broken);
      const answer = await setUp(identifier, { api_key: SECRET });
      expect(answer).toMatchObject({
        status: 200,
        code: -500,
        error: {
          error_type: "PluginDaemonInternalServerError",
          message: expect.stringMatching(/^failed to encrypt settings: /),
        },
      });
      Object.assign(control, { refuse: undefined, answer: undefined });
      expect(await list()).toEqual([]);
      expect(await counters()).toEqual([0, 0]);
    }
  });

  test("says nothing secret when the platform quotes what it was sent, not to the log either", async () => {
    const { install, setUp, control, failures } = createEndpoints();
    const { identifier } = await install([SECRET_FIELD]);
    const secret = 'say "it"';
    control.refuse = "encrypt";
    const { text } = await setUp(identifier, { api_key: secret });
    expect(text).toContain("cannot take");
    // That the platform says no is no outage.
    expect(failures).toEqual([]);
    control.kind = "status";
    const outage = await setUp(identifier, { api_key: secret });
    expect(outage.error?.message).toBe("failed to encrypt settings: the platform refused the request");
    const logged = Bun.inspect(failures, { depth: 10 });
    expect(logged).toContain("cannot take");
    for (const told of [text, outage.text, logged]) {
      expect(told).not.toContain(secret);
      expect(told).not.toContain('say \\"it');
    }
  });

  test("leaves nothing behind when its client leaves meanwhile, or the plugin is uninstalled", async () => {
    const { install, setUp, post, control, list, store, asked } = createEndpoints();
    const { identifier, row } = await install([SECRET_FIELD]);
    const gate = Promise.withResolvers<void>();
    control.block = gate.promise;
    const leaving = new AbortController();
    const body = {
      plugin_unique_identifier: identifier,
      user_id: "u",
      name: "n",
      settings: { api_key: "k" },
    };
    const left = post("/setup", body, "t1", { signal: leaving.signal });
    const uninstalled = setUp(identifier, { api_key: "k" });
    while (asked.length < 2) await Bun.sleep(0);
    leaving.abort();
    await store.installations.remove("t1", row.id);
    gate.resolve();
    expect((await left).code).toBe(-500);
    expect(await uninstalled).toMatchObject({ code: -404, error: { message: "plugin not found" } });
    expect(await list()).toEqual([]);
  });

  test("refuses what the plugin does not allow, in this order", async () => {
    const { install, setUp, asked } = createEndpoints();
    const { identifier } = await install(undefined, { permitted: false });
    for (const [tenant, wanted, type, message] of [
      ["t2", identifier, "PluginNotFoundError", "plugin not found"],
      ["t1", identifier.replace("1.0.0", "1.0.1"), "PluginNotFoundError", "plugin not found"],
      [
        "t1",
        identifier,
        "PluginPermissionDeniedError",
        "permission denied, you need to enable endpoint access in plugin manifest",
      ],
    ] as const)
      expect(await setUp(wanted, {}, "n", tenant)).toMatchObject({
        status: 200,
        error: { error_type: type, message },
      });
    const permitted = createEndpoints();
    const without = await permitted.install(undefined);
    expect(await permitted.setUp(without.identifier, {})).toMatchObject({
      status: 200,
      code: -400,
      error: { message: "plugin does not have an endpoint" },
    });
    expect(asked).toEqual([]);
  });

  test.each([
    [{ plugin_unique_identifier: "x", user_id: "u", name: "n" }, "PluginUniqueIdentifier"],
    [{ user_id: "u", name: "n" }, "PluginUniqueIdentifier"],
    [{ user_id: 5 }, "UserID"],
    [{ name: "" }, "Name"],
  ])("answers 400 to %j", async (body, field) => {
    const { post } = createEndpoints();
    const answer = await post("/setup", body);
    expect([answer.status, answer.code]).toEqual([400, -400]);
    expect(answer.error?.message).toContain(field);
  });

  test("keeps the digits of numbers, on the way to the platform, in the store and in lists", async () => {
    const { install, post, store, list, get } = createEndpoints();
    const { identifier } = await install([SECRET_FIELD]);
    const settings = '{"api_key":"k","big":9007199254740993,"one":1.0}';
    await post(
      "/setup",
      `{"plugin_unique_identifier":"${identifier}","user_id":"u","name":"n","settings":${settings}}`,
    );
    const [listed] = await list();
    const row = await store.endpoints.byId("t1", listed?.id ?? "");
    expect(row?.settings).toBe(settings.replace('"k"', '"enc:k"'));
    expect((await get("/list?page=1&page_size=1")).text).toContain('"big":9007199254740993,"one":1.0');
  });
});

describe("POST /update", () => {
  async function withEndpoint(settings: unknown = { api_key: SECRET, title: "t" }) {
    const all = createEndpoints();
    const { identifier, row } = await all.install([SECRET_FIELD, { name: "title", type: "text-input" }]);
    await all.setUp(identifier, settings, "old");
    const [listed] = await all.list();
    const id = listed?.id ?? "";
    all.asked.length = 0;
    const update = (settings: unknown, more: object = {}) =>
      all.post("/update", { endpoint_id: id, user_id: "u2", name: "new", settings, ...more });
    const stored = async () => JSON.parse((await all.store.endpoints.byId("t1", id))?.settings ?? "null");
    return { ...all, id, listed, installation: row, update, stored };
  }

  test("keeps a secret that comes back masked, and tells the platform to forget", async () => {
    const { update, listed, stored, asked, list, id } = await withEndpoint();
    expect(listed?.settings).toEqual({ api_key: "to************ue", title: "t" });
    expect(await update({ ...listed?.settings, more: 1 })).toMatchObject({ code: 0, data: true });
    expect(await stored()).toEqual({ api_key: `enc:${SECRET}`, title: "t", more: 1 });
    expect(asked.map(({ body }) => [body.opt, body["user_id"], body["identity"]])).toEqual([
      ["decrypt", "u2", id],
      ["encrypt", "u2", id],
      ["clear", "u2", id],
    ]);
    expect((await list())[0]).toMatchObject({ name: "new", user_id: "u1" });
  });

  test("masks characters, so that a secret of any script comes back", async () => {
    const secret = "пароль😀é€";
    const { update, listed, stored } = await withEndpoint({ api_key: secret });
    expect(listed?.settings).toEqual({ api_key: "па*****é€" });
    await update(listed?.settings);
    expect(await stored()).toEqual({ api_key: `enc:${secret}` });
  });

  test("replaces name and settings as a whole", async () => {
    const { update, stored, list } = await withEndpoint();
    await update({ api_key: "another" });
    expect(await stored()).toEqual({ api_key: "enc:another" });
    expect((await list())[0]?.settings).toEqual({ api_key: "an***er" });
  });

  test("changes nothing that it refuses", async () => {
    const { update, stored, control, store, installation, post } = await withEndpoint();
    const before = await stored();
    for (const [settings, message] of [
      [{ title: "x" }, "failed to validate settings: missing required setting: api_key"],
      [{ api_key: 5 }, "failed to validate settings: setting api_key is not a string"],
    ] as const)
      expect(await update(settings)).toMatchObject({ status: 200, code: -400, error: { message } });
    for (const opt of ["decrypt", "encrypt"]) {
      control.refuse = opt;
      expect(await update({ api_key: "new" })).toMatchObject({
        code: -500,
        error: { message: expect.stringContaining(`failed to ${opt} settings: `) },
      });
    }
    control.refuse = undefined;
    expect(await stored()).toEqual(before);
    expect(await post("/update", { endpoint_id: "none", user_id: "u", name: "n" })).toMatchObject({
      status: 200,
      code: -404,
      error: {
        error_type: "PluginDaemonNotFoundError",
        message: "failed to find endpoint: record not found",
      },
    });
    await store.installations.remove("t1", installation.id);
    expect(await update({ api_key: "new" })).toMatchObject({
      code: -404,
      error: { message: "failed to find plugin installation: record not found" },
    });
    expect(await stored()).toEqual(before);
  });

  test("tells when the platform did not forget", async () => {
    const { update, stored, control } = await withEndpoint();
    control.refuse = "clear";
    expect(await update({ api_key: "new" })).toMatchObject({
      code: -500,
      error: { message: expect.stringMatching(/^failed to clear credentials cache: /) },
    });
    expect(await stored()).toEqual({ api_key: "enc:new" });
  });

  test("is done one after the other, each with the settings that the last one left", async () => {
    const { update, stored, asked } = await withEndpoint();
    await Promise.all(["one-secret", "two-secret"].map((api_key) => update({ api_key })));
    expect(asked.map(({ body }) => body.opt)).toEqual([
      "decrypt",
      "encrypt",
      "clear",
      "decrypt",
      "encrypt",
      "clear",
    ]);
    expect(asked[3]?.body.data).toEqual({ api_key: "enc:one-secret" });
    expect(await stored()).toEqual({ api_key: "enc:two-secret" });
  });
});

describe("POST /enable, /disable and /remove", () => {
  test("change the row and its counters, and are fine twice", async () => {
    const { install, setUp, list, post, counters } = createEndpoints();
    const { identifier } = await install([]);
    await setUp(identifier, {});
    await setUp(identifier, {});
    const [{ id: endpoint_id } = { id: "" }] = await list();
    for (const [what, active] of [
      ["disable", 1],
      ["disable", 1],
      ["enable", 2],
      ["enable", 2],
      ["disable", 1],
    ] as const) {
      expect(await post(`/${what}`, { endpoint_id })).toMatchObject({ code: 0, data: true });
      expect((await list())[0]?.enabled).toBe(what === "enable");
      expect(await counters()).toEqual([2, active]);
    }
    expect(await post("/remove", { endpoint_id, user_id: "u" })).toMatchObject({ code: 0, data: true });
    expect(await counters()).toEqual([1, 1]);
    expect(await post("/remove", { endpoint_id })).toMatchObject({
      status: 200,
      code: -500,
      error: {
        error_type: "PluginDaemonInternalServerError",
        message: "failed to remove endpoint: record not found",
      },
    });
    for (const what of ["enable", "disable"])
      expect(await post(`/${what}`, { endpoint_id })).toMatchObject({
        status: 200,
        code: -404,
        error: { error_type: "PluginDaemonNotFoundError", message: "endpoint not found" },
      });
  });

  test("touch nothing of another tenant", async () => {
    const { install, setUp, list, post, counters } = createEndpoints();
    const { identifier } = await install([]);
    await setUp(identifier, {});
    const [{ id: endpoint_id } = { id: "" }] = await list();
    const change = { endpoint_id, user_id: "u", name: "x" };
    for (const path of ["/enable", "/disable", "/remove", "/update"])
      expect((await post(path, change, "t2")).code).toBeLessThan(0);
    expect(await list("t2")).toEqual([]);
    expect(await list()).toMatchObject([{ name: "n", enabled: true }]);
    expect(await counters()).toEqual([1, 1]);
  });

  test("remove lets the platform forget a while later, with the fields, and waits for none of it", async () => {
    const { install, setUp, list, post, asked, control, background, log } = createEndpoints();
    const { identifier } = await install([SECRET_FIELD]);
    await setUp(identifier, { api_key: SECRET });
    const [{ id } = { id: "" }] = await list();
    asked.length = 0;
    control.refuse = "clear";
    expect((await post("/remove", { endpoint_id: id })).code).toBe(0);
    await background.idle();
    expect(control.pauses).toEqual([30_000]);
    expect(asked).toMatchObject([
      { body: { opt: "clear", identity: id, user_id: "u1", data: {}, config: [SECRET_FIELD] } },
    ]);
    expect(log.lines).toHaveLength(1);
  });

  test("remove works when the plugin is gone", async () => {
    const { install, setUp, list, post, store, asked } = createEndpoints();
    const { identifier, row } = await install([SECRET_FIELD]);
    await setUp(identifier, { api_key: SECRET });
    await store.installations.remove("t1", row.id);
    asked.length = 0;
    const [{ id } = { id: "" }] = await list();
    expect((await post("/remove", { endpoint_id: id })).code).toBe(0);
    expect([await list(), asked]).toEqual([[], []]);
  });
});

describe("GET /list", () => {
  test("shows no secret, whatever the page, and is newest first", async () => {
    const { install, setUp, get, list } = createEndpoints();
    const { identifier } = await install([SECRET_FIELD]);
    for (const name of ["a", "b", "c"]) await setUp(identifier, { api_key: SECRET }, name);
    expect((await list()).map(({ name }) => name)).toEqual(["c", "b", "a"]);
    const page = await get("/list/plugin?plugin_id=acme/hooks&page=2&page_size=2");
    expect(page.data).toMatchObject([{ name: "a", expired_at: "2050-01-01T00:00:00Z", tenant_id: "t1" }]);
    for (const { text } of [page, await get("/list?page=1&page_size=100")])
      expect(text).not.toContain(SECRET);
  });

  test("shows an endpoint of a plugin that is gone, or has none any more, without settings", async () => {
    const { install, setUp, get, list, store } = createEndpoints();
    const { identifier, row } = await install([SECRET_FIELD]);
    await setUp(identifier, { api_key: SECRET });
    const nothing = { settings: {}, declaration: { settings: [], endpoints: [] } };
    await store.installations.remove("t1", row.id);
    expect(await list()).toMatchObject([nothing]);
    expect(await get("/list/plugin?plugin_id=acme/hooks&page=1&page_size=1")).toMatchObject({
      status: 200,
      code: -404,
      error: { message: "failed to find plugin installation: record not found" },
    });
    expect((await get("/list/plugin?plugin_id=acme/none&page=1&page_size=1")).data).toEqual([]);
    await install(undefined, { version: "2.0.0" });
    expect(await list()).toMatchObject([nothing]);
  });

  test("fails when one decryption does", async () => {
    const { install, setUp, get, control } = createEndpoints();
    const { identifier } = await install([SECRET_FIELD]);
    await setUp(identifier, { api_key: SECRET });
    control.refuse = "decrypt";
    const answer = await get("/list?page=1&page_size=100");
    expect(answer).toMatchObject({ status: 200, code: -500 });
    expect(answer.error?.message).toStartWith("failed to decrypt settings: request failed: ");
  });

  test.each([
    ["/list"],
    ["/list?page=1"],
    ["/list?page=0&page_size=1"],
    ["/list?page=1&page_size=101"],
    ["/list?page=-1&page_size=1"],
    ["/list/plugin?page=1&page_size=1"],
    ["/list/plugin?plugin_id=&page=1&page_size=1"],
  ])("refuses %s", async (path) => {
    expect(await createEndpoints().get(path)).toMatchObject({ status: 400, code: -400 });
  });
});
