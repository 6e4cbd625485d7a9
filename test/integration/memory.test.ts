import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { cgroupFiles, findCgroupHome } from "../../src/runtime/local/memory-cgroup.ts";
import type { MemoryLimiter } from "../../src/runtime/local/memory-limit.ts";
import { createMemoryLimiter, detectMemoryLimits } from "../../src/runtime/local/memory-limiter.ts";
import { createSpawnStarter } from "../../src/runtime/local/spawn.ts";
import { plainLauncher } from "../../src/runtime/local/spawn-launcher.ts";
import type { PluginProcess } from "../../src/runtime/process.ts";
import { FAKE_PLUGIN_PATH } from "../support/fake-plugin-package.ts";
import { isRunning, readLines, until } from "../support/processes.ts";

const MIB = 1024 * 1024;
const quiet = { warn: () => undefined };
const found = findCgroupHome(cgroupFiles(), process.pid);
const why = "home" in found ? "" : ` (skipped: ${found.reason})`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "plugd-memory-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A shell whose child takes memory: the limit is that of the tree. */
const PYTHON = `python3 -c 'import time
kept = []
while True: kept.append(bytearray(8 << 20)); time.sleep(0.01)'`;

const MECHANISMS = [
  { name: "a cgroup", mechanism: "auto", there: "home" in found },
  { name: "the watcher", mechanism: "watcher", there: true },
] as const;

describe.each(MECHANISMS)("a memory limit by $name", ({ mechanism, there, name }) => {
  const when = there ? "" : why;
  let memory: MemoryLimiter;

  beforeAll(async () => {
    memory = await createMemoryLimiter({ log: quiet, mechanism, intervalMs: 50 });
  });
  afterAll(() => memory.close());

  function start(argv: readonly [string, ...string[]], memoryBytes: number): Promise<PluginProcess> {
    return createSpawnStarter({ launcher: plainLauncher(""), memory }).start({
      argv,
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "" },
      limits: { memoryBytes },
    });
  }

  test.skipIf(!there)(`ends a process that takes more, and says so${when}`, async () => {
    const child = await start([process.execPath, FAKE_PLUGIN_PATH], 256 * MIB);
    await child.write(request({ mode: "alloc", bytes: 2048 * MIB, delay_ms: 5 }));
    expect(await child.exited).toEqual({ code: null, signal: "SIGKILL", outOfMemory: true });
  });

  test.skipIf(!there)(`counts what children take${when}`, async () => {
    const child = await start(["/bin/sh", "-c", `${PYTHON}; exit 9`], 96 * MIB);
    expect((await child.exited).outOfMemory).toBe(true);
  });

  test.skipIf(!there)(`lets a process below the limit work, and 0 limits nothing${when}`, async () => {
    for (const limit of [512 * MIB, 0]) {
      const child = await start([process.execPath, FAKE_PLUGIN_PATH], limit);
      await child.write(request({ mode: "alloc", bytes: 96 * MIB, delay_ms: 20 }));
      const lines = readLines(child.stdout);
      for (let line = ""; !line.includes("kept ");) line = String((await lines.next()).value);
      await child.write(request({ mode: "exit-code", code: 5 }));
      expect(await child.exited).toEqual({ code: 5, signal: null, outOfMemory: false });
    }
  });

  test.skipIf(!there)(`an end that was asked for is no lack of memory${when}`, async () => {
    const child = await start(["/bin/sh", "-c", "sleep 60"], 64 * MIB);
    child.signal("SIGKILL");
    expect(await child.exited).toEqual({ code: null, signal: "SIGKILL", outOfMemory: false });
  });

  if (name === "a cgroup")
    test.skipIf(!there)(
      `what escaped its group and its session is killed at the end of the process${when}`,
      async () => {
        const child = await start(
          ["/bin/sh", "-c", "setsid sh -c 'echo $$; exec sleep 60 >/dev/null' & wait"],
          0,
        );
        const escaped = Number((await readLines(child.stdout).next()).value);
        child.signal("SIGKILL");
        await child.exited;
        await until("the escaped process is killed", () => !isRunning(escaped));
      },
    );
});

test.skipIf(!("home" in found))(`close() leaves no cgroup behind${why}`, async () => {
  if (!("home" in found)) return;
  const memory = await createMemoryLimiter({ log: quiet });
  const guards = [memory.guard(64 * MIB), memory.guard(0)];
  for (const guard of guards) expect(existsSync(guard.cgroup ?? "")).toBe(true);
  for (const guard of guards) expect(guard.release()).toBe(false);
  await memory.close();
  for (const guard of guards) expect(existsSync(guard.cgroup ?? "")).toBe(false);
});

test.skipIf(!("home" in found))(
  `createMemoryLimiter() ends what a killed daemon left in its groups${why}`,
  async () => {
    const script = join(folder, "daemon.ts");
    const source = (path: string) => JSON.stringify(join(import.meta.dir, "../../src", path));
    writeFileSync(
      script,
      `import { createSpawnStarter } from ${source("runtime/local/spawn.ts")};
     import { createMemoryLimiter } from ${source("runtime/local/memory-limiter.ts")};
     import { plainLauncher } from ${source("runtime/local/spawn-launcher.ts")};
     const memory = await createMemoryLimiter({ log: { warn() {} } });
     const guard = { ...memory, guard: (bytes) => { const one = memory.guard(bytes); console.log(one.cgroup); return one; } };
     const child = await createSpawnStarter({ launcher: plainLauncher(""), memory: guard }).start({
       argv: ["/bin/sleep", "60"], cwd: "/", env: {}, limits: { memoryBytes: 0 } });
     console.log(child.pid);
     setInterval(() => {}, 1000);`,
    );
    const daemon = Bun.spawn([process.execPath, script], { stdout: "pipe" });
    const lines = readLines(daemon.stdout);
    const group = String((await lines.next()).value);
    const left = Number((await lines.next()).value);
    // A daemon that lives keeps its groups.
    await (await createMemoryLimiter({ log: quiet })).close();
    expect([existsSync(group), isRunning(left)]).toEqual([true, true]);
    daemon.kill("SIGKILL");
    await daemon.exited;
    await until("the leftovers are gone", async () => {
      await (await createMemoryLimiter({ log: quiet })).close();
      return !existsSync(group) && !isRunning(left);
    });
    expect(readdirSync(dirname(group)).filter((name) => name.includes(`-${daemon.pid}-`))).toEqual([]);
  },
);

test("detectMemoryLimits() names a mechanism and keeps nothing", async () => {
  const limits = await detectMemoryLimits();
  expect(limits).toEqual({
    kind: expect.stringMatching(/^(cgroup-v1|cgroup-v2|watcher)$/),
    detail: expect.any(String),
  });
});

function request(parameters: Record<string, unknown>): string {
  return `${JSON.stringify({ session_id: "s", event: "request", data: { tool_parameters: parameters } })}\n`;
}
