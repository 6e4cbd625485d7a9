import { expect, test } from "bun:test";
import { createManagement, type Management, packageOf, withManagement } from "./management-support.ts";

const TASKS = "/management/install/tasks";
const NONE = `gold/none:0.0.1@${"0123456789abcdef".repeat(4)}`;
const PAGE = "?page=1&page_size=10";

interface Started {
  readonly all_installed: boolean;
  readonly task_id: string;
}

async function upload(management: Management, name = "fake", version = "0.0.1"): Promise<string> {
  const { data } = await management.uploadForm(await packageOf({ name, version }));
  return (data as { unique_identifier: string }).unique_identifier;
}

async function install(management: Management, ids: readonly string[], tenant?: string): Promise<Started> {
  const body = {
    plugin_unique_identifiers: ids,
    source: "package",
    metas: ids.map(() => ({ from: "test" })),
  };
  const { data } = await management.post("/management/install/identifiers", body, tenant);
  return data as Started;
}

test("a package is uploaded, installed, listed, read and uninstalled", () =>
  withManagement(async (management) => {
    const identifier = await upload(management);
    const { all_installed, task_id } = await install(management, [identifier]);
    expect(all_installed).toBe(false);
    const start = await management.launcher.nextStart();
    expect((await management.get(`${TASKS}/${task_id}`)).data).toMatchObject({ status: "running" });
    start.ready();
    await management.background.idle();

    const task = {
      id: task_id,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/),
      updated_at: expect.any(String),
      status: "success",
      tenant_id: "t1",
      total_plugins: 1,
      completed_plugins: 1,
      plugins: [
        {
          plugin_unique_identifier: identifier,
          labels: { en_US: "Fake" },
          icon: expect.stringMatching(/^[0-9a-f]{64}\.svg$/),
          icon_dark: "",
          plugin_id: "tests/fake",
          status: "success",
          message: "installed",
          source: "package",
        },
      ],
    };
    expect((await management.get(`${TASKS}/${task_id}`)).data).toEqual(task);
    expect((await management.get(`${TASKS}${PAGE}`)).data).toEqual([task]);
    expect((await management.get(`${TASKS}?page=2&page_size=10`)).data).toEqual([]);

    const listed = (await management.get(`/management/list${PAGE}&response_type=paged`)).data;
    const id = (listed as { list: { id: string }[] }).list[0]?.id;
    const { version, checksum } = /:(?<version>.+)@(?<checksum>.+)$/.exec(identifier)?.groups ?? {};
    const row = {
      id,
      created_at: expect.any(String),
      updated_at: expect.any(String),
      tenant_id: "t1",
      plugin_id: "tests/fake",
      plugin_unique_identifier: identifier,
      runtime_type: "local",
      endpoints_setups: 0,
      endpoints_active: 0,
      source: "package",
      meta: { from: "test" },
      version,
      checksum,
      declaration: (await management.get(`/management/fetch/manifest?plugin_unique_identifier=${identifier}`))
        .data,
    };
    expect(listed).toEqual({ list: [{ ...row, name: "fake", installation_id: id }], total: 1 });
    expect(
      (await management.post("/management/installation/fetch/batch", { plugin_ids: ["tests/fake", "x/y"] }))
        .data,
    ).toEqual([row]);
    expect(
      (await management.get(`/management/fetch/identifier?plugin_unique_identifier=${identifier}`)).data,
    ).toBe(true);
    expect(await install(management, [identifier])).toEqual({ all_installed: true, task_id: "" });

    const uninstall = { plugin_installation_id: id };
    expect((await management.post("/management/uninstall", uninstall)).data).toBe(true);
    expect((await management.post("/management/uninstall", uninstall)).data).toBe(true);
    expect(management.launcher.stops).toEqual([identifier]);
    expect((await management.get(`/management/list${PAGE}`)).data).toEqual({ list: [], total: 0 });
  }));

test("two tenants install at once: one start, two installations; the last uninstallation stops it", () =>
  withManagement(async (management) => {
    const identifier = await upload(management);
    const tasks = await Promise.all([
      install(management, [identifier], "t1"),
      install(management, [identifier], "t2"),
    ]);
    (await management.launcher.nextStart()).ready();
    await management.background.idle();
    expect(management.launcher.starts).toHaveLength(1);
    expect(new Set(tasks.map((task) => task.task_id)).size).toBe(2);
    for (const tenant of ["t1", "t2"]) {
      expect(management.launcher.stops).toEqual([]);
      const { data } = await management.get(`/management/list${PAGE}`, tenant);
      const [row] = (data as { list: { id: string }[] }).list;
      await management.post("/management/uninstall", { plugin_installation_id: row?.id }, tenant);
    }
    expect(management.launcher.stops).toEqual([identifier]);
  }));

test("a process that is killed during an installation leaves a task that is failed after the restart", async () => {
  const before = await createManagement();
  const identifier = await upload(before);
  const { task_id } = await install(before, [identifier]);
  await before.launcher.nextStart();
  await before.abandon();
  await withManagement(
    async (after) => {
      expect(await after.tasks.failLeftOver()).toBe(1);
      expect((await after.get(`${TASKS}/${task_id}`)).data).toMatchObject({
        status: "failed",
        plugins: [{ status: "failed", message: "An unexpected daemon shutdown occurred" }],
      });
      expect((await after.get(`/management/list${PAGE}`)).data).toEqual({ list: [], total: 0 });
      after.launcher.automatic = true;
      const again = await install(after, [identifier]);
      await after.background.idle();
      expect((await after.get(`${TASKS}/${again.task_id}`)).data).toMatchObject({ status: "success" });
    },
    { folder: before.folder },
  );
});

test("an installation that fails is shown with its reason and deleted by its item, raw or escaped", () =>
  withManagement(async (management) => {
    const identifier = await upload(management);
    for (const inPath of [identifier, encodeURIComponent(identifier), identifier.replace("/", "%2F")]) {
      const { task_id } = await install(management, [identifier]);
      (await management.launcher.nextStart()).fail(new Error("exit 1"));
      await management.background.idle();
      expect((await management.get(`${TASKS}/${task_id}`)).data).toMatchObject({
        status: "failed",
        completed_plugins: 0,
        plugins: [{ status: "failed", message: "exit 1" }],
      });
      expect((await management.post(`${TASKS}/${task_id}/delete/${NONE}`)).data).toBe(true);
      expect((await management.post(`${TASKS}/${task_id}/delete/${inPath}`)).data).toBe(true);
      expect(await management.get(`${TASKS}/${task_id}`)).toMatchObject({
        status: 200,
        code: -500,
        error: { message: "record not found", error_type: "PluginDaemonInternalServerError" },
      });
    }
  }));

test("tasks are deleted one by one and all together; what is not there is no error", () =>
  withManagement(async (management) => {
    management.launcher.automatic = true;
    const { task_id } = await install(management, [await upload(management)]);
    await install(management, [await upload(management, "other")]);
    await management.background.idle();
    expect((await management.post(`${TASKS}/${task_id}/delete`)).data).toBe(true);
    expect((await management.post(`${TASKS}/${task_id}/delete`)).data).toBe(true);
    expect((await management.get(`${TASKS}${PAGE}`)).data).toHaveLength(1);
    expect((await management.post(`${TASKS}/delete_all`)).data).toBe(true);
    expect((await management.get(`${TASKS}${PAGE}`)).data).toEqual([]);
    expect((await management.post(`${TASKS}/delete_all`)).data).toBe(true);
    expect((await management.post(`${TASKS}/nonsense/delete/${NONE}`)).data).toBe(true);
    expect(await management.post(`${TASKS}/x/delete/nonsense`)).toMatchObject({
      status: 200,
      code: -400,
      error: {
        message: "plugin_unique_identifier is not valid: nonsense",
        error_type: "PluginDaemonBadRequestError",
      },
    });
    expect((await management.post(`${TASKS}/x/delete/a%ff%2Fb`)).code).toBe(-400);
  }));

test("tasks of another tenant are not there", () =>
  withManagement(async (management) => {
    management.launcher.automatic = true;
    const { task_id } = await install(management, [await upload(management)]);
    await management.background.idle();
    expect((await management.get(`${TASKS}/${task_id}`, "t2")).code).toBe(-500);
    await management.post(`${TASKS}/${task_id}/delete`, undefined, "t2");
    await management.post(`${TASKS}/delete_all`, undefined, "t2");
    expect((await management.get(`${TASKS}/${task_id}`)).code).toBe(0);
  }));

test("a tenant id is any text", () =>
  withManagement(async (management) => {
    const { data } = await management.get(`/management/list${PAGE}`, "some%20tenant%2F%C3%BC");
    expect(data).toEqual({ list: [], total: 0 });
  }));

test("install and upgrade: failures after binding are 200, those of binding are 400", () =>
  withManagement(async (management) => {
    const identifier = await upload(management);
    const good = { plugin_unique_identifiers: [identifier], source: "package", metas: [{}] };
    const upgrade = {
      original_plugin_unique_identifier: identifier,
      new_plugin_unique_identifier: NONE,
      source: "package",
      meta: null,
    };
    const required = (name: string) => `Field validation for '${name}' failed on the 'required' tag`;
    for (const [path, body, status, code, text] of [
      [
        "identifiers",
        { ...good, plugin_unique_identifiers: [NONE] },
        200,
        -500,
        "failed to get plugin declaration",
      ],
      [
        "identifiers",
        { ...good, metas: [] },
        200,
        -400,
        "the number of metas must be equal to the number of",
      ],
      ["identifiers", { ...good, metas: undefined }, 200, -400, "the number of metas must be equal"],
      ["identifiers", { ...good, source: "" }, 400, -400, required("Source")],
      ["identifiers", { ...good, source: 5 }, 400, -400, required("Source")],
      ["identifiers", { ...good, plugin_unique_identifiers: ["x"] }, 400, -400, "PluginUniqueIdentifiers[0]"],
      ["identifiers", { ...good, plugin_unique_identifiers: Array(65).fill(identifier) }, 400, -400, "'max'"],
      ["identifiers", {}, 400, -400, required("PluginUniqueIdentifiers")],
      ["identifiers", "", 400, -400, required("PluginUniqueIdentifiers")],
      ["identifiers", '{"source": "pack', 400, -400, "line 1, column"],
      ["upgrade", { source: "package" }, 400, -400, required("OriginalPluginUniqueIdentifier")],
      ["upgrade", { ...upgrade, meta: "x" }, 400, -400, "'Meta'"],
      ["upgrade", { ...upgrade, new_plugin_unique_identifier: identifier }, 200, -400, "are the same"],
      ["upgrade", upgrade, 200, -400, "original and new plugin id are different"],
      [
        "upgrade",
        { ...upgrade, new_plugin_unique_identifier: identifier.replace("0.0.1", "0.0.2") },
        200,
        -404,
        "plugin installation not found for this tenant",
      ],
    ] as const) {
      const answer = await management.post(`/management/install/${path}`, body);
      expect([path, body, answer.status, answer.code]).toEqual([path, body, status, code]);
      expect(answer.error?.message).toContain(text);
    }
    expect(await management.post("/management/uninstall", {})).toMatchObject({ status: 400, code: -400 });
    expect((await management.get(`${TASKS}${PAGE}`)).data).toEqual([]);
    expect(management.launcher.starts).toEqual([]);
  }));

test("upgrade keeps the installation and moves it to the new version", () =>
  withManagement(async (management) => {
    management.launcher.automatic = true;
    const [old, next] = [await upload(management), await upload(management, "fake", "0.0.2")];
    await install(management, [old]);
    await management.background.idle();
    const { data } = await management.post("/management/install/upgrade", {
      original_plugin_unique_identifier: old,
      new_plugin_unique_identifier: next,
      source: "github",
      meta: { repo: "tests/fake" },
    });
    await management.background.idle();
    expect((await management.get(`${TASKS}/${(data as Started).task_id}`)).data).toMatchObject({
      status: "success",
      plugins: [{ labels: { en_US: "" }, icon: "", message: "upgraded" }],
    });
    expect((await management.get(`/management/list${PAGE}`)).data).toMatchObject({
      list: [
        { plugin_unique_identifier: next, version: "0.0.2", source: "github", meta: { repo: "tests/fake" } },
      ],
      total: 1,
    });
    expect(management.launcher.stops).toEqual([old]);
    expect(
      (await management.post("/management/installation/missing", { plugin_unique_identifiers: [old, next] }))
        .data,
    ).toEqual([{ plugin_unique_identifier: old, current_identifier: next }]);
  }));
