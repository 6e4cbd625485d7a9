import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChildDaemon, spawnTestDaemon, startTestDaemon } from "../support/daemon.ts";
import { TENANT } from "../support/daemon-api.ts";
import { isRunning, until } from "../support/processes.ts";
import { openRawCall } from "../support/raw-call.ts";

setDefaultTimeout(60_000);

const SHUTDOWN = "An unexpected daemon shutdown occurred";

async function withDataDir(work: (dataDir: string) => Promise<void>): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), "plugd-kill-"));
  try {
    await work(dataDir);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Pids of the plugins that a daemon has started. */
function startedPids(daemon: { log(): string }): number[] {
  return [...daemon.log().matchAll(/Plugin process started .*pid=(\d+)/g)].map(([, pid]) => Number(pid));
}

async function kill(daemon: ChildDaemon): Promise<void> {
  daemon.kill("SIGKILL");
  await daemon.exited;
  await until("its plugins are gone", () => !startedPids(daemon).some(isRunning));
}

/** Temporary files and folders of writes that were cut short. */
async function leftovers(dataDir: string): Promise<string[]> {
  const scratch = await readdir(join(dataDir, "cwd", ".plugd")).catch(() => []);
  const storage = join(dataDir, "storage");
  const stored = existsSync(storage)
    ? await Array.fromAsync(new Bun.Glob("**/*").scan({ cwd: storage, dot: true }))
    : [];
  return [
    ...scratch,
    ...stored.filter(
      (path) => !/^(assets\/[0-9a-f]{64}\.svg|plugin_packages\/tests\/\S+@[0-9a-f]{64})$/.test(path),
    ),
  ];
}

describe("kill -9 of the daemon during an installation leaves nothing, or it is finished, or shown as failed:", () => {
  const SLOW_START = { slowStartMs: 300 };

  test.each<[string, (daemon: ChildDaemon, taskId: string) => Promise<unknown>]>([
    ["when the task has been made", async () => undefined],
    ["shortly after", () => Bun.sleep(15)],
    [
      "when its folder is unpacked",
      ({ dataDir }) => until("unpacked", () => existsSync(join(dataDir, "cwd", "tests")), { everyMs: 1 }),
    ],
    ["when its process has started", (daemon) => until("started", () => startedPids(daemon).length > 0)],
    ["when the task is done", (daemon, taskId) => daemon.api.finished(taskId)],
  ])("%s", async (_, moment) => {
    await withDataDir(async (dataDir) => {
      const first = await spawnTestDaemon({ dataDir });
      const identifier = await first.api.uploaded({ name: "cut", startKnobs: SLOW_START });
      const taskId = await first.api.startInstall(identifier);
      await moment(first, taskId);
      await kill(first);

      await using second = await startTestDaemon({ dataDir });
      const task = await second.api.task(taskId);
      expect(["failed", "success"]).toContain(task.status);
      const installed = (await second.api.installations()).map((row) => row.plugin_unique_identifier);
      expect(installed).toEqual(task.status === "success" ? [identifier] : []);
      if (task.status === "failed") {
        expect(task.plugins.map(({ message }) => message)).toEqual([SHUTDOWN]);
        const again = await second.api.finished(await second.api.startInstall(identifier));
        expect(again.plugins.map(({ message }) => message)).toEqual(["installed"]);
      }
      expect((await second.api.call("tests/cut", { text: "hi" })).items).toHaveLength(1);
      expect(await leftovers(dataDir)).toEqual([]);
    });
  });

  test("during an upload", async () => {
    await withDataDir(async (dataDir) => {
      const first = await spawnTestDaemon({ dataDir });
      const half = await openRawCall({
        port: first.port,
        request: [
          `POST /plugin/${TENANT}/management/install/upload/package HTTP/1.1`,
          "Host: 127.0.0.1",
          `X-Api-Key: ${first.key}`,
          "Content-Type: multipart/form-data; boundary=b",
          "Content-Length: 1000000",
          "",
          '--b\r\nContent-Disposition: form-data; name="dify_pkg"; filename="p"\r\n\r\nPK',
        ].join("\r\n"),
      });
      const uploads = Array.from({ length: 6 }, (_, at) =>
        first.api.uploaded({ name: `up-${at}` }).catch(() => undefined),
      );
      await Promise.race(uploads);
      await kill(first);
      await half.closed;
      const stored = await Promise.all(uploads);

      await using second = await startTestDaemon({ dataDir });
      expect(await leftovers(dataDir)).toEqual([]);
      for (const [at, identifier] of stored.entries()) {
        // What was answered is there; the others can be uploaded again.
        if (identifier !== undefined)
          expect((await second.api.finished(await second.api.startInstall(identifier))).status).toBe(
            "success",
          );
        else await second.api.install({ name: `up-${at}` });
      }
    });
  });
});

test("kill -9 of the daemon during calls: their plugins go, they are recorded as ended with it, the next calls are held", async () => {
  await withDataDir(async (dataDir) => {
    const first = await spawnTestDaemon({ dataDir });
    const { pluginId } = await first.api.install({ name: "called" });
    const calls = Array.from({ length: 20 }, () =>
      first.api.call(pluginId, { mode: "items", n: 10_000, delay_ms: 50 }).then(
        () => "ended",
        () => "cut",
      ),
    );
    await until("they are in the list of sessions", () => outcomes(dataDir)["open"] === calls.length);
    await kill(first);
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["cut"]));

    await using second = await startTestDaemon({ dataDir });
    const held = Array.from({ length: 20 }, () => second.api.call(pluginId, { text: "hi" }));
    expect(outcomes(dataDir)).toEqual({ daemon_exit: calls.length });
    for (const { items, failure } of await Promise.all(held))
      expect([items.length, failure]).toEqual([1, undefined]);
    expect(startedPids(second)).toHaveLength(1);
  });
});

test("calls right after a restart start what they ask for first, and what was used lately follows", async () => {
  await withDataDir(async (dataDir) => {
    const env = { PLUGIN_LOCAL_LAUNCHING_CONCURRENT: "1" };
    const names = ["a", "b", "c", "d"];
    {
      await using first = await startTestDaemon({ dataDir, env });
      for (const name of names) {
        const { pluginId } = await first.api.install({ name, startKnobs: { slowStartMs: 100 } });
        await first.api.call(pluginId, { text: "used" });
      }
    }
    await using second = await startTestDaemon({ dataDir, env });
    const [answer] = await Promise.all([
      second.api.call("tests/d", { text: "hi" }),
      until("all run", () => second.log().split("Plugin ready").length === names.length + 1),
    ]);
    expect(answer.items).toHaveLength(1);
    const order = [...second.log().matchAll(/Plugin process started plugin=tests\/(\w)/g)].map(
      ([, name]) => name,
    );
    expect(order).toHaveLength(names.length);
    expect(new Set(order)).toEqual(new Set(names));
    // One start may have been under way when it was asked for.
    expect(order.indexOf("d")).toBeLessThanOrEqual(1);
  });
});

/** Rows of the list of sessions by how they ended; `open` are those that did not. */
function outcomes(dataDir: string): Record<string, number> {
  using db = new Database(join(dataDir, "plugd.db"), { readonly: true });
  const rows = db
    .query<{ outcome: string; n: number }, []>(
      "SELECT coalesce(outcome, 'open') AS outcome, count(*) AS n FROM sessions GROUP BY 1",
    )
    .all();
  return Object.fromEntries(rows.map(({ outcome, n }) => [outcome, n]));
}
