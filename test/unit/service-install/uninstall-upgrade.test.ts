import { expect, test } from "bun:test";
import { rejection } from "../../support/rejection.ts";
import { createServices, identifierOf } from "./support.ts";

const T1 = "tenant-1";
const T2 = "tenant-2";
const PAGE = { offset: 0, limit: 10 };

type Services = ReturnType<typeof createServices>;

async function setUp(tenants: readonly string[]): Promise<{ services: Services; old: string; next: string }> {
  const services = createServices();
  services.launcher.automatic = true;
  const old = await services.upload("one");
  const next = await services.upload("one", "0.0.2");
  for (const tenant of tenants)
    await services.install(tenant, { identifiers: [old], source: "package", metas: [{ v: 1 }] });
  await services.background.idle();
  return { services, old, next };
}

async function rowOf(services: Services, tenant: string) {
  const [row] = (await services.store.installations.list(tenant, PAGE)).rows;
  if (!row) throw new Error("nothing is installed");
  return row;
}

function upgrade(from: string, to: string) {
  return { from, to, source: "github", meta: { repo: "a/one" } };
}

test("uninstall() stops the plugin with its last installation only, and waits for the end", async () => {
  const { services, old } = await setUp([T1, T2]);
  await services.uninstall(T1, (await rowOf(services, T1)).id);
  expect(services.launcher.stops).toEqual([]);

  const ended = Promise.withResolvers<void>();
  services.launcher.stopping = ended.promise;
  let answered = false;
  const uninstall = services.uninstall(T2, (await rowOf(services, T2)).id).then(() => (answered = true));
  await Bun.sleep(0);
  expect(services.launcher.stops).toEqual([old]);
  expect(answered).toBe(false);
  ended.resolve();
  await uninstall;
  expect((await services.store.installations.list(T2, PAGE)).total).toBe(0);
});

test("uninstall() of what is not there, or belongs to another tenant, changes nothing", async () => {
  const { services } = await setUp([T1]);
  const { id } = await rowOf(services, T1);
  await services.uninstall(T1, "99999999-2222-4333-8444-555555555555");
  await services.uninstall(T2, id);
  expect((await rowOf(services, T1)).id).toBe(id);
  expect(services.launcher.stops).toEqual([]);
});

test("uninstall() leaves a plugin alone that another tenant is just installing", async () => {
  const { services, old } = await setUp([T1]);
  services.launcher.automatic = false;
  await services.install(T2, { identifiers: [old], source: "package", metas: [{}] });
  const start = await services.launcher.nextStart();
  await services.uninstall(T1, (await rowOf(services, T1)).id);
  expect(services.launcher.stops).toEqual([]);
  start.ready();
  await services.background.idle();
  expect((await rowOf(services, T2)).identifier).toBe(old);
  expect(services.launcher.stops).toEqual([]);
});

test("an installation waits for the stop of an uninstallation that is under way", async () => {
  const { services, old } = await setUp([T1]);
  const ended = Promise.withResolvers<void>();
  services.launcher.stopping = ended.promise;
  const uninstall = services.uninstall(T1, (await rowOf(services, T1)).id);
  await Bun.sleep(0);
  const before = services.launcher.starts.length;
  const { task_id } = await services.install(T2, { identifiers: [old], source: "package", metas: [{}] });
  await Bun.sleep(0);
  expect(services.launcher.starts).toHaveLength(before);
  ended.resolve();
  await uninstall;
  await services.background.idle();
  expect(services.launcher.starts).toHaveLength(before + 1);
  expect((await services.tasks.get(T2, task_id)).status).toBe("success");
});

test("upgrade() refuses the same version, another plugin and a version that is not installed", async () => {
  const { services, old, next } = await setUp([T1]);
  expect(await rejection(services.upgrade(T1, upgrade(old, old)))).toMatchObject({
    code: "bad_request",
    message: "original and new plugin unique identifier are the same",
  });
  expect(await rejection(services.upgrade(T1, upgrade(old, identifierOf("two"))))).toMatchObject({
    code: "bad_request",
    message: "original and new plugin id are different",
  });
  for (const tenant of [T1, T2])
    expect(await rejection(services.upgrade(tenant, upgrade(next, old)))).toMatchObject({
      code: "not_found",
      message: "plugin installation not found for this tenant",
    });
});

test("upgrade() by a task switches after the first heartbeat, keeps the id and stops the old version", async () => {
  const { services, old, next } = await setUp([T1]);
  const before = await rowOf(services, T1);
  services.launcher.automatic = false;
  const { all_installed, task_id } = await services.upgrade(T1, upgrade(old, next));
  expect(all_installed).toBe(false);
  const start = await services.launcher.nextStart();
  expect((await rowOf(services, T1)).identifier).toBe(old);
  start.ready();
  await services.background.idle();
  expect(await rowOf(services, T1)).toMatchObject({
    id: before.id,
    identifier: next,
    source: "github",
    meta: { repo: "a/one" },
  });
  expect(await services.tasks.get(T1, task_id)).toMatchObject({
    status: "success",
    plugins: [{ labels: { en_US: "" }, icon: "", message: "upgraded", source: "github" }],
  });
  expect(services.launcher.stops).toEqual([old]);
});

test("upgrade() to a version that another tenant has happens at once; the old one goes with its last tenant", async () => {
  const { services, old, next } = await setUp([T1, T2]);
  await services.upgrade(T1, upgrade(old, next));
  await services.background.idle();
  expect(services.launcher.stops).toEqual([]);
  expect(await services.upgrade(T2, upgrade(old, next))).toEqual({ all_installed: true, task_id: "" });
  await services.background.idle();
  expect((await rowOf(services, T2)).identifier).toBe(next);
  expect(services.launcher.stops).toEqual([old]);
});

test("upgrade() that fails keeps the old version running and stops the new one", async () => {
  const { services, old, next } = await setUp([T1]);
  services.launcher.automatic = false;
  const { task_id } = await services.upgrade(T1, upgrade(old, next));
  (await services.launcher.nextStart()).fail(new Error("exit 1"));
  await services.background.idle();
  expect((await services.tasks.get(T1, task_id)).status).toBe("failed");
  expect((await rowOf(services, T1)).identifier).toBe(old);
  expect(services.launcher.stops).toEqual([next]);
});

test("upgrade() to a version that was never uploaded becomes a failed task", async () => {
  const { services, old } = await setUp([T1]);
  const to = identifierOf("one", "9.9.9");
  const { task_id } = await services.upgrade(T1, upgrade(old, to));
  await services.background.idle();
  expect((await services.tasks.get(T1, task_id)).plugins[0]).toMatchObject({
    status: "failed",
    message: expect.stringContaining("was not uploaded"),
  });
});

test("upgrade() of what is uninstalled meanwhile fails", async () => {
  const { services, old, next } = await setUp([T1]);
  services.launcher.automatic = false;
  const { task_id } = await services.upgrade(T1, upgrade(old, next));
  const start = await services.launcher.nextStart();
  await services.uninstall(T1, (await rowOf(services, T1)).id);
  start.ready();
  await services.background.idle();
  expect((await services.tasks.get(T1, task_id)).plugins[0]).toMatchObject({
    status: "failed",
    message: "plugin installation not found for this tenant",
  });
  expect(new Set(services.launcher.stops)).toEqual(new Set([old, next]));
});
