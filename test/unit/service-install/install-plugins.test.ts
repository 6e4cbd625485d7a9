import { expect, test } from "bun:test";
import { rejection } from "../../support/rejection.ts";
import { DaemonError } from "../../../src/protocol/daemon-error.ts";
import { createServices, identifierOf } from "./support.ts";

const T1 = "tenant-1";
const T2 = "tenant-2";
const PAGE = { offset: 0, limit: 10 };

function request(identifiers: readonly string[], metas?: readonly (Record<string, unknown> | null)[]) {
  return { identifiers, source: "package", metas: metas ?? identifiers.map(() => ({})) };
}

test("install() says installed only after the first heartbeat, and then there is a row", async () => {
  const services = createServices();
  const identifier = await services.upload("one");
  const started = await services.install(T1, request([identifier], [{ from: "test", n: 1 }]));
  expect(started).toEqual({ all_installed: false, task_id: expect.any(String) });

  const start = await services.launcher.nextStart();
  start.report("dependencies", "Resolved 41 packages");
  start.report("start", "");
  await Bun.sleep(0);
  expect(await services.tasks.get(T1, started.task_id)).toMatchObject({
    status: "running",
    total_plugins: 1,
    completed_plugins: 0,
    plugins: [{ status: "running", message: "installing heartbeat, waiting for plugin to be ready..." }],
  });
  expect((await services.store.installations.list(T1, PAGE)).total).toBe(0);

  start.ready();
  await services.background.idle();
  expect(await services.tasks.get(T1, started.task_id)).toMatchObject({
    status: "success",
    completed_plugins: 1,
    plugins: [
      {
        plugin_unique_identifier: identifier,
        plugin_id: "a/one",
        labels: { en_US: "Label of one", zh_Hans: "标签" },
        icon: "one.svg",
        icon_dark: "",
        status: "success",
        message: "installed",
        source: "package",
      },
    ],
  });
  expect((await services.store.installations.list(T1, PAGE)).rows).toMatchObject([
    {
      identifier,
      source: "package",
      meta: { from: "test", n: 1 },
      runtimeType: "local",
    },
  ]);
  expect(services.outcomes).toMatchObject([{ identifier, status: "success" }]);
  expect(services.guard.isHeld(identifier)).toBe(false);
});

test("install() refuses as many metas as there are no identifiers for", async () => {
  const services = createServices();
  expect(await rejection(services.install(T1, request([identifierOf("x")], [])))).toMatchObject({
    code: "bad_request",
    message: "the number of metas must be equal to the number of plugin unique identifiers",
  });
});

test("install() of nothing, and of what is installed in any version, makes no task", async () => {
  const services = createServices();
  services.launcher.automatic = true;
  const none = { all_installed: true, task_id: "" };
  expect(await services.install(T1, request([]))).toEqual(none);
  const first = await services.upload("one");
  await services.install(T1, request([first]));
  await services.background.idle();
  const other = await services.upload("one", "0.0.2");
  expect(await services.install(T1, request([first]))).toEqual(none);
  expect(await services.install(T1, request([other]))).toEqual(none);
  expect(await services.tasks.list(T1, PAGE)).toHaveLength(1);
});

test("install() of a package that was never uploaded fails whole, and holds nothing", async () => {
  const services = createServices();
  const known = await services.upload("known");
  expect(await rejection(services.install(T1, request([known, identifierOf("unknown")])))).toMatchObject({
    code: "internal",
    message: "plugin not found\nfailed to get plugin declaration",
  });
  expect(await services.tasks.list(T1, PAGE)).toEqual([]);
  expect(services.launcher.starts).toEqual([]);
  expect(services.guard.isHeld(known)).toBe(false);
});

test("install() of the same plugin by two tenants at once shares one start", async () => {
  const services = createServices();
  const identifier = await services.upload("one");
  const [first, second] = await Promise.all([
    services.install(T1, request([identifier])),
    services.install(T2, request([identifier])),
  ]);
  (await services.launcher.nextStart()).ready();
  await services.background.idle();
  expect(services.launcher.starts).toHaveLength(1);
  for (const [tenant, { task_id }] of [
    [T1, first],
    [T2, second],
  ] as const) {
    expect((await services.tasks.get(tenant, task_id)).status).toBe("success");
    expect((await services.store.installations.list(tenant, PAGE)).total).toBe(1);
  }
});

test("install() twice at once by one tenant makes two tasks and one row", async () => {
  const services = createServices();
  services.launcher.automatic = true;
  const identifier = await services.upload("one");
  await Promise.all([
    services.install(T1, request([identifier, identifier])),
    services.install(T1, request([identifier])),
  ]);
  await services.background.idle();
  expect((await services.tasks.list(T1, PAGE)).map((task) => task.status)).toEqual(["success", "success"]);
  expect((await services.store.installations.list(T1, PAGE)).total).toBe(1);
});

test("install() that failed leaves no row, says what to do, and can be tried again", async () => {
  const services = createServices();
  const identifier = await services.upload("one");
  const { task_id } = await services.install(T1, request([identifier]));
  (await services.launcher.nextStart()).fail(
    new DaemonError("internal", "Cannot find a Python for 3.12", { hint: "Install one" }),
  );
  await services.background.idle();
  expect(await services.tasks.get(T1, task_id)).toMatchObject({
    status: "failed",
    plugins: [{ status: "failed", message: "Cannot find a Python for 3.12\nInstall one" }],
  });
  expect((await services.store.installations.list(T1, PAGE)).total).toBe(0);
  expect(services.launcher.stops).toEqual([identifier]);
  expect(services.outcomes).toMatchObject([{ status: "failed" }]);

  services.launcher.automatic = true;
  const again = await services.install(T1, request([identifier]));
  await services.background.idle();
  expect((await services.tasks.get(T1, again.task_id)).status).toBe("success");
});

test("install() of two, one of which fails: the other is installed, the task has failed", async () => {
  const services = createServices();
  const [good, bad] = [await services.upload("good"), await services.upload("bad")];
  const { task_id } = await services.install(T1, request([good, bad]));
  await Bun.sleep(0);
  for (const start of services.launcher.starts)
    if (start.identifier === bad) start.fail(new Error("exit 1"));
    else start.ready();
  await services.background.idle();
  expect(await services.tasks.get(T1, task_id)).toMatchObject({
    status: "failed",
    total_plugins: 2,
    completed_plugins: 1,
    plugins: [
      { status: "success", message: "installed" },
      { status: "failed", message: "exit 1" },
    ],
  });
  expect((await services.store.installations.list(T1, PAGE)).rows.map((row) => row.pluginId)).toEqual([
    "a/good",
  ]);
});

test("install() whose row cannot be written fails and stops what it started", async () => {
  const { store } = createServices();
  const add = () => Promise.reject(new Error("disk full"));
  const services = createServices({ store: { ...store, installations: { ...store.installations, add } } });
  services.launcher.automatic = true;
  const identifier = await services.upload("one");
  const { task_id } = await services.install(T1, request([identifier]));
  await services.background.idle();
  expect((await services.tasks.get(T1, task_id)).plugins[0]).toMatchObject({
    status: "failed",
    message: "disk full",
  });
  expect(services.launcher.stops).toEqual([identifier]);
});

test("a deleted task does not end its job", async () => {
  const services = createServices();
  const identifier = await services.upload("one");
  const { task_id } = await services.install(T1, request([identifier]));
  const start = await services.launcher.nextStart();
  await services.tasks.delete(T1, task_id);
  start.ready();
  await services.background.idle();
  expect((await services.store.installations.list(T1, PAGE)).total).toBe(1);
  expect(String(await rejection(services.tasks.get(T1, task_id)))).toContain("record not found");
});

test("closing fails running tasks with the text of the contract, and waits for that", async () => {
  const services = createServices();
  const identifier = await services.upload("one");
  const { task_id } = await services.install(T1, request([identifier]));
  await services.launcher.nextStart();
  await services.background.close();
  expect(await services.tasks.get(T1, task_id)).toMatchObject({
    status: "failed",
    plugins: [{ status: "failed", message: "An unexpected daemon shutdown occurred" }],
  });
  expect((await services.store.installations.list(T1, PAGE)).total).toBe(0);
});

test("after a kill -9 the next start fails what was running, and it can be installed again", async () => {
  const before = createServices();
  const identifier = await before.upload("one");
  const { task_id } = await before.install(T1, request([identifier]));
  await before.launcher.nextStart();

  const after = createServices({ store: before.store, blobs: before.blobs });
  expect(await after.tasks.failLeftOver()).toBe(1);
  expect(await after.tasks.get(T1, task_id)).toMatchObject({
    status: "failed",
    plugins: [{ status: "failed", message: "An unexpected daemon shutdown occurred" }],
  });
  after.launcher.automatic = true;
  const again = await after.install(T1, request([identifier]));
  await after.background.idle();
  expect((await after.tasks.get(T1, again.task_id)).status).toBe("success");
  expect(await after.tasks.failLeftOver()).toBe(0);
});

test("sweep() removes what succeeded ten minutes ago; failed tasks stay", async () => {
  const services = createServices();
  const [good, bad] = [await services.upload("good"), await services.upload("bad")];
  await services.install(T1, request([good]));
  (await services.launcher.nextStart()).ready();
  await services.install(T1, request([bad]));
  (await services.launcher.nextStart()).fail(new Error("no"));
  await services.background.idle();
  await services.tasks.sweep();
  expect(await services.tasks.list(T1, PAGE)).toHaveLength(2);
  services.clock.at += 600_001;
  await services.tasks.sweep();
  expect((await services.tasks.list(T1, PAGE)).map((task) => task.status)).toEqual(["failed"]);
});

test("deleteItem() refuses a text that is no identifier and takes a task that is gone", async () => {
  const services = createServices();
  expect(await rejection(services.tasks.deleteItem(T1, "x", "nonsense"))).toMatchObject({
    code: "bad_request",
    message: "plugin_unique_identifier is not valid: nonsense",
  });
  await services.tasks.deleteItem(T1, "x", identifierOf("one"));
});

test("missing() tells what is not installed and what is in another version", async () => {
  const services = createServices();
  services.launcher.automatic = true;
  const one = await services.upload("one");
  await services.install(T1, request([one]));
  await services.background.idle();
  expect(
    await services.installed.missing(T1, [one, identifierOf("one", "0.0.2"), identifierOf("two")]),
  ).toEqual([
    { plugin_unique_identifier: identifierOf("one", "0.0.2"), current_identifier: one },
    { plugin_unique_identifier: identifierOf("two"), current_identifier: "" },
  ]);
});
