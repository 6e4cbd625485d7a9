import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnTestDaemon, startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { isRunning, until } from "../support/processes.ts";

setDefaultTimeout(120_000);

/** The collector runs as often as this short grace period is over. */
const GRACE = { PLUGD_BLOB_GRACE: "3" };
const VERSIONS = ["0.0.1", "0.0.2"] as const;
const PLUGINS = ["one", "two", "three", "four", "five", "six", "seven"] as const;
const TENANTS = ["a", "b", "c", "d"] as const;

test("what nobody uses is freed, and what is used meanwhile is not, however installs and removals meet", async () => {
  await using daemon = await startTestDaemon({ env: GRACE });
  const end = performance.now() + 7000;
  // Tenants share plugins: one installs what another has just given back.
  const rounds = await Promise.all(
    TENANTS.map(async (tenant, index) => {
      let round = 0;
      while (performance.now() < end) await useOnce(daemon, { tenant, round: index + round++ });
      return round;
    }),
  );
  expect(Math.min(...rounds)).toBeGreaterThan(1);
  await expectFreed(daemon);
});

test("what a kill -9 leaves between an installation and its removal is freed by the next daemon", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "plugd-collect-"));
  try {
    for (const afterMs of [400, 2100]) {
      await using daemon = await spawnTestDaemon({ env: GRACE, dataDir });
      const killed = new AbortController();
      await uninstallAll(daemon);
      const users = TENANTS.map(async (tenant, index) => {
        for (let round = 0; !killed.signal.aborted; round++)
          await useOnce(daemon, { tenant, round: index + round }).catch((cause: unknown) => {
            if (!killed.signal.aborted) throw cause;
          });
      });
      await Bun.sleep(afterMs);
      killed.abort();
      daemon.kill("SIGKILL");
      await daemon.exited;
      await Promise.all(users);
    }
    await using last = await startTestDaemon({ env: GRACE, dataDir });
    await uninstallAll(last);
    await expectFreed(last);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

/** Uploads, installs, calls, upgrades, calls and uninstalls; each step has to succeed. */
async function useOnce(
  { api }: TestDaemon,
  { tenant, round }: { tenant: string; round: number },
): Promise<void> {
  const name = PLUGINS[round % PLUGINS.length] ?? "one";
  const [first, second] = round % 4 < 2 ? VERSIONS : VERSIONS.toReversed();
  const { identifier, pluginId } = await api.install({ name, version: first }, tenant);
  expect((await api.call(pluginId, { text: "hi" }, { tenant })).failure).toBeUndefined();
  const next = await api.uploaded({ name, version: second });
  const { data } = await api.post(
    "/install/upgrade",
    {
      original_plugin_unique_identifier: identifier,
      new_plugin_unique_identifier: next,
      source: "package",
      meta: {},
    },
    tenant,
  );
  const { task_id: taskId } = data as { task_id: string };
  if (taskId !== "")
    expect((await api.finished(taskId, tenant)).plugins).toMatchObject([{ message: "upgraded" }]);
  expect((await api.call(pluginId, { text: "hi" }, { tenant })).failure).toBeUndefined();
  await uninstallAllOf(api, tenant);
}

async function uninstallAll({ api }: TestDaemon): Promise<void> {
  for (const tenant of TENANTS) await uninstallAllOf(api, tenant);
}

async function uninstallAllOf(api: TestDaemon["api"], tenant: string): Promise<void> {
  for (const { id } of await api.installations(tenant))
    expect((await api.post("/uninstall", { plugin_installation_id: id }, tenant)).data).toBe(true);
}

/** Nobody has anything installed any more: no process, package, icon, folder or row is left after the grace period. */
async function expectFreed(daemon: TestDaemon): Promise<void> {
  await until("all of it is gone", async () => (await leftIn(daemon.dataDir)).length === 0, {
    withinMs: 20_000,
    everyMs: 100,
  }).catch(async (cause: unknown) => {
    expect(await leftIn(daemon.dataDir)).toEqual([]);
    throw cause;
  });
  const pids = [...daemon.log().matchAll(/Plugin process started .*pid=(\d+)/g)].map(([, pid]) =>
    Number(pid),
  );
  expect(pids.filter(isRunning)).toEqual([]);
}

async function leftIn(dataDir: string): Promise<string[]> {
  const folders = ["storage/plugin_packages", "storage/assets", "cwd"];
  const found = await Promise.all(
    folders.map(async (folder) => {
      const names = await readdir(join(dataDir, folder), { recursive: true }).catch(() => []);
      return names.filter((name) => name !== ".plugd" && name !== "tests").map((name) => join(folder, name));
    }),
  );
  return found.flat();
}
