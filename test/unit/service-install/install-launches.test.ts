import { expect, test } from "bun:test";
import { rejection } from "../../support/rejection.ts";
import { createInstallLaunches } from "../../../src/service/install-launches.ts";
import { createLauncher } from "./support.ts";

function setUp(options: { concurrency?: number; timeoutMs?: number } = {}) {
  const starter = createLauncher();
  const closing = new AbortController();
  const launches = createInstallLaunches({
    starter,
    concurrency: options.concurrency ?? 2,
    timeoutMs: options.timeoutMs ?? 60_000,
    closing: closing.signal,
  });
  return { starter, closing, launches };
}
const silent = () => undefined;
const local = (identifier: string) => ({ identifier, runtimeType: "local" }) as const;

test("ensureReady() shares one start, and tells who joins late the present stage", async () => {
  const { starter, launches } = setUp();
  const heard: string[] = [];
  const first = launches.ensureReady(local("a"), (stage) => heard.push(`first ${stage}`));
  const start = await starter.nextStart();
  start.report("unpack", "");
  start.report("environment", "");
  const second = launches.ensureReady(local("a"), (stage) => heard.push(`second ${stage}`));
  start.report("start", "");
  start.ready();
  await Promise.all([first, second]);
  expect(starter.starts).toHaveLength(1);
  expect(heard).toEqual([
    "first unpack",
    "first environment",
    "second environment",
    "first start",
    "second start",
  ]);
});

test("ensureReady() starts anew after a failure", async () => {
  const { starter, launches } = setUp();
  const first = launches.ensureReady(local("a"), silent);
  (await starter.nextStart()).fail(new Error("no python"));
  expect(String(await rejection(first))).toContain("no python");
  const second = launches.ensureReady(local("a"), silent);
  (await starter.nextStart()).ready();
  await second;
  expect(starter.starts).toHaveLength(2);
});

test("ensureReady() starts no more at once than it may", async () => {
  const { starter, launches } = setUp({ concurrency: 2 });
  const all = ["a", "b", "c"].map((identifier) => launches.ensureReady(local(identifier), silent));
  await Bun.sleep(0);
  expect(starter.starts.map((start) => start.identifier)).toEqual(["a", "b"]);
  const first = await starter.nextStart();
  await starter.nextStart();
  const third = starter.nextStart();
  first.ready();
  expect((await third).identifier).toBe("c");
  for (const start of starter.starts) start.ready();
  await Promise.all(all);
});

test("ensureReady() ends a start after its time with an error that names the setting", async () => {
  const { launches } = setUp({ timeoutMs: 5 });
  expect(await rejection(launches.ensureReady(local("a/b:1.0@c"), silent))).toMatchObject({
    code: "timeout",
    message: 'Cannot install "a/b:1.0@c": not ready after 5 ms',
    hint: expect.stringContaining("PLUGIN_INSTALL_TIMEOUT"),
  });
});

test("closing ends starts that run, that wait and that come later, with the text of the contract", async () => {
  const { starter, closing, launches } = setUp({ concurrency: 1 });
  const running = launches.ensureReady(local("a"), silent);
  const waiting = launches.ensureReady(local("b"), silent);
  await Bun.sleep(0);
  closing.abort();
  const later = launches.ensureReady(local("c"), silent);
  const reasons = await Promise.all([running, waiting, later].map((launch) => launch.catch(String)));
  expect(new Set(reasons)).toEqual(new Set(["DaemonError: An unexpected daemon shutdown occurred"]));
  expect(starter.starts).toHaveLength(1);
  expect(starter.starts[0]?.signal.aborted).toBe(true);
});
