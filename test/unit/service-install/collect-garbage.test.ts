import { expect, test } from "bun:test";
import { rejection } from "../../support/rejection.ts";
import { createMemoryBlobs, createServices, identifierOf } from "./support.ts";

const T1 = "tenant-1";
const HOUR = 3_600_000;
const PAGE = { offset: 0, limit: 10 };

test("collect() removes an uploaded package that nobody installed, after its grace period", async () => {
  const blobs = createMemoryBlobs();
  const services = createServices({ blobs });
  const identifier = await services.upload("one");
  expect(await services.collect()).toEqual([]);
  services.clock.at += HOUR + 1000;
  expect(await services.collect()).toEqual([identifier]);
  expect(blobs.keys()).toEqual([]);
  expect(services.launcher.discards).toEqual([identifier]);
  expect(String(await rejection(services.installed.manifest(identifier)))).toContain("plugin not found");
  expect(await services.collect()).toEqual([]);
});

test("collect() leaves installed packages alone; the grace period begins with the uninstallation", async () => {
  const services = createServices();
  services.launcher.automatic = true;
  const identifier = await services.upload("one");
  await services.install(T1, { identifiers: [identifier], source: "package", metas: [{}] });
  await services.background.idle();
  services.clock.at += 10 * HOUR;
  expect(await services.collect()).toEqual([]);
  const [row] = (await services.store.installations.list(T1, PAGE)).rows;
  await services.uninstall(T1, row?.id ?? "");
  expect(await services.collect()).toEqual([]);
  services.clock.at += HOUR + 1000;
  expect(await services.collect()).toEqual([identifier]);
});

test("collect() leaves an asset that another package refers to", async () => {
  const blobs = createMemoryBlobs();
  const services = createServices({ blobs });
  const first = await services.upload("one");
  services.clock.at += HOUR + 1000;
  const second = await services.upload("one", "0.0.2");
  expect(await services.collect()).toEqual([first]);
  expect(blobs.keys()).toEqual(["asset one.svg", `package ${second}`]);
});

test("collect() leaves a package that is being installed, also when its task was deleted", async () => {
  const services = createServices();
  const identifier = await services.upload("one");
  const { task_id } = await services.install(T1, {
    identifiers: [identifier],
    source: "package",
    metas: [{}],
  });
  const start = await services.launcher.nextStart();
  await services.tasks.delete(T1, task_id);
  services.clock.at += HOUR + 1000;
  expect(await services.collect()).toEqual([]);
  start.ready();
  await services.background.idle();
  expect((await services.store.installations.list(T1, PAGE)).total).toBe(1);
});

test("collect() leaves a package that is uploaded anew while it removes others", async () => {
  const services = createServices();
  const first = await services.upload("one");
  const second = await services.upload("two");
  services.clock.at += HOUR + 1000;
  services.launcher.discarding = async () => {
    services.launcher.discarding = undefined;
    await services.upload("two");
  };
  expect(await services.collect()).toEqual([first]);
  expect((await services.store.declarations.get(second))?.identifier).toBe(second);
  expect(services.launcher.discards).toEqual([first]);
});

test("install() waits for a removal that is under way and then finds nothing", async () => {
  const services = createServices();
  const identifier = await services.upload("one");
  services.clock.at += HOUR + 1000;
  const gate = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  services.launcher.discarding = () => {
    reached.resolve();
    return gate.promise;
  };
  const collected = services.collect();
  await reached.promise;
  const install = services.install(T1, { identifiers: [identifier], source: "package", metas: [{}] });
  gate.resolve();
  expect(await collected).toEqual([identifier]);
  expect(String(await rejection(install))).toContain("failed to get plugin declaration");
});

test("collect() goes on when a folder cannot be removed, and tries it again", async () => {
  const services = createServices();
  const [bad, good] = [await services.upload("bad"), await services.upload("good")];
  services.clock.at += HOUR + 1000;
  services.launcher.unremovable.add(bad);
  expect(await services.collect()).toEqual([good]);
  expect(services.logger.lines).toContain("Cannot remove a package that is not in use");
  services.launcher.unremovable.delete(bad);
  expect(await services.collect()).toEqual([bad]);
});

test("collect() removes what a killed upload left, once, and nothing that is referred to", async () => {
  const blobs = createMemoryBlobs();
  const services = createServices({ blobs });
  const identifier = await services.upload("one");
  await blobs.put("package", identifierOf("killed"), new Uint8Array([1]));
  await blobs.put("asset", "killed.svg", new Uint8Array([1]));
  await services.collect();
  expect(blobs.keys()).toEqual(["asset one.svg", `package ${identifier}`]);
});
