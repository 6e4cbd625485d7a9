import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DaemonError } from "../../src/protocol/daemon-error.ts";
import type { MemoryLimiter } from "../../src/runtime/local/memory-limit.ts";
import { createMemoryLimiter } from "../../src/runtime/local/memory-limiter.ts";
import { createSpawnStarter } from "../../src/runtime/local/spawn.ts";
import { installLauncher, type Launcher, plainLauncher } from "../../src/runtime/local/spawn-launcher.ts";
import type { PluginProcess, ProcessStarter } from "../../src/runtime/process.ts";
import { FAKE_PLUGIN_PATH } from "../support/fake-plugin-package.ts";
import { isRunning, readLines, until } from "../support/processes.ts";

const quiet = { warn: () => undefined };
const sh = (script: string): [string, ...string[]] => ["/bin/sh", "-c", script];
/** The message with which it rejects; what crosses layers is always a DaemonError. */
const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "it resolved",
    (error: unknown) => (error instanceof DaemonError ? error.message : `no DaemonError: ${String(error)}`),
  );
const text = (stream: ReadableStream<Uint8Array>) => new Response(stream).text();

let folder: string;
let memory: MemoryLimiter;
let launcher: Launcher;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "plugd-spawn-"));
  memory = await createMemoryLimiter({ log: quiet });
  launcher = await installLauncher({ folders: [join(folder, "run")] });
});

afterAll(async () => {
  await memory.close();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(["with the launcher", "without a launcher"])("createSpawnStarter() %s", (kind) => {
  let starter: ProcessStarter;

  beforeAll(() => {
    starter = createSpawnStarter({
      launcher: kind === "with the launcher" ? launcher : plainLauncher(""),
      memory,
    });
  });

  function start(
    argv: readonly [string, ...string[]],
    env: Record<string, string> = {},
  ): Promise<PluginProcess> {
    return starter.start({ argv, cwd: folder, env, limits: { memoryBytes: 0 } });
  }

  test("gives exactly the environment of the spec", async () => {
    const env = { B: "1", A: "ü = x\ny", EMPTY: "", PATH: "/nowhere" };
    const child = await start(["/usr/bin/env", "-0"], env);
    const entries = (await text(child.stdout)).split("\0").slice(0, -1);
    expect(entries.sort()).toEqual(
      Object.entries(env)
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    );
  });

  test("gives exactly the arguments, and the folder, of the spec", async () => {
    const child = await start([
      "/bin/sh",
      "-c",
      'tr "\\0" "\\n" < /proc/$$/cmdline; pwd',
      "",
      "a b",
      "--c=ü",
    ]);
    const lines = (await text(child.stdout)).split("\n");
    expect(lines[0]).toBe("/bin/sh");
    expect(lines.slice(3)).toEqual(["", "a b", "--c=ü", folder, ""]);
  });

  test("the pid is that of the program, which leads a group and a session", async () => {
    const child = await start(sh("ps -o pid=,pgid=,sid= -p $$"));
    expect((await text(child.stdout)).trim().split(/\s+/)).toEqual(Array(3).fill(String(child.pid)));
  });

  test.each([
    ["exit 0", { code: 0, signal: null, outOfMemory: false }],
    ["exit 3", { code: 3, signal: null, outOfMemory: false }],
    ["kill -TERM $$", { code: null, signal: "SIGTERM", outOfMemory: false }],
    ["kill -KILL $$", { code: null, signal: "SIGKILL", outOfMemory: false }],
  ])("exited tells how %p ended", async (script, exit) => {
    expect(await (await start(sh(script))).exited).toEqual(exit);
  });

  test("the output of a process that has ended can still be read", async () => {
    const child = await start(sh("echo out; echo err >&2"));
    await child.exited;
    expect([await text(child.stdout), await text(child.stderr)]).toEqual(["out\n", "err\n"]);
  });

  test("write() keeps the order, also when the pipe is full", async () => {
    const child = await start(["/bin/cat"]);
    const blocks = Array.from({ length: 20 }, (_, index) => String(index % 10).repeat(100_000));
    const written = Promise.all(blocks.map((block) => child.write(block)));
    const reader = child.stdout.getReader();
    let seen = "";
    while (seen.length < 2_000_000) seen += new TextDecoder().decode((await reader.read()).value);
    await written;
    expect(seen).toBe(blocks.join(""));
    child.signal("SIGKILL");
    await child.exited;
  });

  test("write() waits while the process does not read, and rejects when it ends", async () => {
    const child = await start(sh("sleep 60"));
    const waiting = child.write("x".repeat(5_000_000));
    const next = child.write("y");
    expect(await Promise.race([waiting.then(() => "written"), Bun.sleep(50).then(() => "waits")])).toBe(
      "waits",
    );
    child.signal("SIGKILL");
    expect(await failure(waiting)).toBe(`Cannot write to process ${child.pid}: it has ended`);
    expect(await failure(next)).toBe(`Cannot write to process ${child.pid}: it has ended`);
    await child.exited;
    expect(await failure(child.write("z"))).toBe(`Cannot write to process ${child.pid}: it has ended`);
  });

  test("write() drops what is not wanted any more before its turn", async () => {
    const child = await start(sh("read -r go; cat; exit"));
    const first = child.write(`go\n${"x".repeat(2_000_000)}`);
    const leave = new AbortController();
    const dropped = child.write("dropped", leave.signal);
    const kept = child.write("kept", new AbortController().signal);
    leave.abort(new Error("gone"));
    const output = (async () => {
      let all = "";
      const decoder = new TextDecoder();
      for await (const chunk of child.stdout) {
        all += decoder.decode(chunk, { stream: true });
        if (all.endsWith("kept")) return all;
      }
      return all;
    })();
    await expect(dropped).rejects.toThrow("gone");
    await Promise.all([first, kept]);
    expect(await output).toBe(`${"x".repeat(2_000_000)}kept`);
    child.signal("SIGKILL");
    await child.exited;
  });

  test("write() rejects at the end of the process although a grandchild holds its stdin", async () => {
    const child = await start(sh("setsid sleep 5 <&0 & exec sleep 0.2"));
    expect(await failure(child.write("x".repeat(5_000_000)))).toEndWith("it has ended");
    await child.exited;
  });

  test("signal() reaches a grandchild that ignores SIGTERM and holds stdout", async () => {
    const child = await start(sh("sh -c 'trap \"\" TERM; echo $$; sleep 60; sleep 60' & wait"));
    const lines = readLines(child.stdout);
    const grandchild = Number((await lines.next()).value);
    child.signal("SIGTERM");
    expect((await child.exited).signal).toBe("SIGTERM");
    expect((await lines.next()).done).toBe(true);
    await until("the grandchild is killed", () => !isRunning(grandchild));
  });

  test("what a process leaves in its group ends with it", async () => {
    const child = await start(sh("sleep 60 & echo $!"));
    const left = Number(await text(child.stdout));
    expect((await child.exited).code).toBe(0);
    await until("the grandchild is killed", () => !isRunning(left));
  });

  test("signal() after the end is harmless", async () => {
    const child = await start(sh("exit 0"));
    await child.exited;
    child.signal("SIGTERM");
    child.signal("SIGKILL");
  });

  test("a process that ignores SIGTERM lives on, and SIGKILL ends it", async () => {
    const child = await start([
      process.execPath,
      FAKE_PLUGIN_PATH,
      '{"ignoreSigterm":true,"heartbeatIntervalMs":20}',
    ]);
    const lines = readLines(child.stdout);
    const beat = async () => {
      for (;;) if (String((await lines.next()).value).includes("heartbeat")) return;
    };
    await beat();
    child.signal("SIGTERM");
    await beat();
    await beat();
    child.signal("SIGKILL");
    expect(await child.exited).toEqual({ code: null, signal: "SIGKILL", outOfMemory: false });
  });

  test.each(["stdout", "stderr"] as const)(
    "a flood on %s waits for its reader, and not in our memory",
    async (name) => {
      const size = 200_000_000;
      const child = await start(sh(`head -c ${size} /dev/zero ${name === "stderr" ? ">&2" : ""}`));
      const reader = child[name].getReader();
      let read = (await reader.read()).value?.length ?? 0;
      Bun.gc(true);
      const before = process.memoryUsage().rss;
      await until("the writer is blocked", async () => {
        const state = () => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8");
        const writer = Number(state().trim() || child.pid);
        const written = () => readFileSync(`/proc/${writer}/io`, "utf8");
        const one = written();
        await Bun.sleep(100);
        return one === written();
      });
      expect(process.memoryUsage().rss - before).toBeLessThan(8_000_000);
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        read += value.length;
      }
      expect(read).toBe(size);
      expect((await child.exited).code).toBe(0);
    },
  );

  test("20 starts at once all run, and leave no open file behind", async () => {
    const openFiles = () => readdirSync("/proc/self/fd").length;
    const round = async () => {
      const children = await Promise.all(
        Array.from({ length: 20 }, (_, index) => start(sh(`read x; echo ${index}$x`))),
      );
      await Promise.all(children.map((child) => child.write("!\n")));
      const texts = await Promise.all(children.map((child) => text(child.stdout)));
      expect(texts).toEqual(children.map((_, index) => `${index}!\n`));
      await Promise.all(children.map((child) => child.exited));
    };
    await round();
    const before = openFiles();
    await round();
    await until("files are closed", () => {
      Bun.gc(true);
      return openFiles() <= before;
    });
  });

  test.each([
    ["a missing program", (): string => "/nowhere/python", "the program does not exist"],
    [
      "a program that is a link to nothing",
      (): string => join(folder, "dangling"),
      "the program is a link to nothing",
    ],
    ["a program that is a folder", (): string => folder, "the program is a folder"],
  ] as const)("start() tells %s", async (_, path, why) => {
    symlinkSync("/nowhere/python", join(folder, "dangling"));
    try {
      const program = path();
      const failed = await start([program]).catch((error: unknown) => error);
      expect(failed).toBeInstanceOf(DaemonError);
      expect(failed).toMatchObject({
        code: "unavailable",
        message: `Cannot start "${program}" in "${folder}": ${why}`,
        hint: "Install the plugin again, so that its folder and environment are built anew",
      });
    } finally {
      rmSync(join(folder, "dangling"));
    }
  });

  test.each([
    ["a missing folder", "/nowhere/at-all", "the folder does not exist"],
    ["a folder that is a file", "/etc/passwd", "the folder is a file"],
  ])("start() tells %s", async (_, cwd, why) => {
    const started = starter.start({ argv: ["/bin/true"], cwd, env: {}, limits: { memoryBytes: 0 } });
    expect(await failure(started)).toBe(`Cannot start "/bin/true" in "${cwd}": ${why}`);
  });

  test("start() tells what the system says of an environment that is too large", async () => {
    expect(await failure(start(["/bin/true"], { HUGE: "x".repeat(4_000_000) }))).toStartWith(
      `Cannot start "/bin/true" in "${folder}": the system refuses (E2BIG`,
    );
  });
});

test("installLauncher() binds the life of a process to the daemon's, even after kill -9", async () => {
  const script = join(folder, "parent.ts");
  const source = (path: string) => JSON.stringify(join(import.meta.dir, "../../src", path));
  writeFileSync(
    script,
    `import { createSpawnStarter } from ${source("runtime/local/spawn.ts")};
     import { createMemoryLimiter } from ${source("runtime/local/memory-limiter.ts")};
     import { installLauncher } from ${source("runtime/local/spawn-launcher.ts")};
     const log = { warn() {} };
     const memory = await createMemoryLimiter({ log, mechanism: "watcher" });
     const launcher = await installLauncher({ folders: [process.argv[2]] });
     const child = await createSpawnStarter({ launcher, memory }).start({
       argv: ["/bin/sh", "-c", "trap '' TERM HUP; echo ready; exec sleep 60"], cwd: "/", env: {}, limits: { memoryBytes: 1 << 30 } });
     await child.stdout.getReader().read();
     console.log(launcher.kind, child.pid);
     setInterval(() => Bun.gc(true), 20);`,
  );
  const parent = Bun.spawn([process.execPath, script, join(folder, "run-of-parent")], { stdout: "pipe" });
  const [kind, pid] = ((await readLines(parent.stdout).next()).value ?? "").split(" ");
  expect(kind).toBe("parent-death");
  // It must be the end of the parent that ends it, and not that of some thread of the parent.
  await Bun.sleep(300);
  expect(isRunning(Number(pid))).toBe(true);
  parent.kill("SIGKILL");
  await parent.exited;
  await until("the process is killed", () => !isRunning(Number(pid)), { withinMs: 2000 });
});

test("installLauncher() gives a process no way to gain privileges", async () => {
  const starter = createSpawnStarter({ launcher, memory });
  const child = await starter.start({
    argv: ["/bin/grep", "NoNewPrivs", "/proc/self/status"],
    cwd: folder,
    env: {},
    limits: { memoryBytes: 0 },
  });
  expect(await text(child.stdout)).toBe("NoNewPrivs:\t1\n");
});

test("installLauncher() goes on to the next folder, and says why when none is left", async () => {
  const file = join(folder, "a-file");
  writeFileSync(file, "");
  expect((await installLauncher({ folders: [file, join(folder, "next")] })).kind).toBe("parent-death");
  const none = await installLauncher({ folders: [file] });
  expect(none).toMatchObject({ kind: "none", detail: expect.stringContaining(`${file}: EEXIST`) });
  expect(none.wrap(["/bin/true", "x"])).toEqual(["/bin/true", "x"]);
});

test("a program that the kernel cannot execute ends with 127 and a word on stderr", async () => {
  const program = join(folder, "no-interpreter");
  writeFileSync(program, "#!/nowhere/interpreter\n");
  chmodSync(program, 0o755);
  const starter = createSpawnStarter({ launcher, memory });
  const child = await starter.start({ argv: [program], cwd: folder, env: {}, limits: { memoryBytes: 0 } });
  expect((await child.exited).code).toBe(127);
  expect(await text(child.stderr)).toBe("plugd: cannot execute the program of this plugin\n");
});
