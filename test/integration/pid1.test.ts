import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../support/processes.ts";

/** In a process namespace of its own a program is PID 1. */
const ISOLATE = ["unshare", "--pid", "--fork", "--mount-proc"];
const attempt = Bun.which("unshare") ? Bun.spawnSync([...ISOLATE, "true"]) : undefined;
const allowed = attempt?.exitCode === 0;
const why = allowed ? "" : " (skipped: process namespaces cannot be made here)";

let folder: string;
let script: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "plugd-pid1-"));
  script = join(folder, "program.ts");
  const init = JSON.stringify(join(import.meta.dir, "../../src/lib/init-process.ts"));
  // The program: as PID 1 it starts itself again; as the child it does what its argument says.
  writeFileSync(
    script,
    `import { ownCommand, runAsInit } from ${init};
     if (process.pid === 1)
       process.exit(await runAsInit({ command: ownCommand(process), env: process.env,
         on: (name, handler) => process.on(name, handler), warn: (text) => console.log("WARN", text) }));
     const zombies = async () => (await Bun.$\`ps -eo stat=\`.text()).split("\\n").filter((line) => line.startsWith("Z")).length;
     const done = Promise.withResolvers();
     for (const name of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"])
       if (process.argv[2] === "trap") process.on(name, () => done.resolve(name));
     console.log("parent", process.ppid, "pid is one:", process.pid === 1, process.argv.slice(2).join(" "), process.env.MARK);
     switch (process.argv[2]) {
       case "exit": process.exit(Number(process.argv[3]));
       case "die": process.kill(process.pid, "SIGKILL"); await Bun.sleep(10000);
       case "trap": console.log("got", await done.promise); process.exit(0);
       case "wait": await Bun.sleep(60000);
       case "orphans": {
         for (let i = 0; i < 20; i++) await Bun.spawn(["sh", "-c", "sleep 0.05 & exit 0"], { stdio: ["ignore", "ignore", "ignore"] }).exited;
         const until = Date.now() + 5000;
         await Bun.sleep(100);
         while (await zombies() > 0 && Date.now() < until) await Bun.sleep(50);
         console.log("zombies", await zombies());
         // Its own children still answer to itself.
         console.log("child", await Bun.spawn(["sh", "-c", "exit 7"]).exited);
       }
     }`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: string[]) {
  return Bun.spawn([...ISOLATE, process.execPath, script, ...args], {
    env: { ...process.env, MARK: "kept" },
    stdout: "pipe",
  });
}

describe("runAsInit()", () => {
  test.skipIf(!allowed)(`runs the program as a child, with its arguments and environment${why}`, async () => {
    const first = run("exit", "0");
    expect(await first.stdout.text()).toBe("parent 1 pid is one: false exit 0 kept\n");
  });

  test.skipIf(!allowed).each([
    [["exit", "0"], 0],
    [["exit", "42"], 42],
    [["die"], 137],
  ])(`answers the exit code of the program: %p${why}`, async (args, code) => {
    expect(await run(...args).exited).toBe(code);
  });

  test.skipIf(!allowed)(`reaps orphans, and leaves the program's own children to it${why}`, async () => {
    const first = run("orphans");
    expect((await first.stdout.text()).split("\n").slice(1)).toEqual(["zombies 0", "child 7", ""]);
  });

  test.skipIf(!allowed).each(["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const)(
    `hands %s on${why}`,
    async (name) => {
      const first = run("trap");
      const seen: string[] = [];
      const reading = collect(first.stdout, seen);
      await until("the program runs", () => seen.join("").includes("trap"));
      process.kill(childOf(first.pid), name);
      expect(await first.exited).toBe(0);
      await reading;
      expect(seen.join("")).toContain(`got ${name}\n`);
    },
  );

  test.skipIf(!allowed)(`answers 128 + n when the signal ended the program${why}`, async () => {
    const first = run("wait");
    const seen: string[] = [];
    const reading = collect(first.stdout, seen);
    await until("the program runs", () => seen.join("").includes("wait"));
    process.kill(childOf(first.pid), "SIGTERM");
    expect(await first.exited).toBe(143);
    await reading;
  });
});

/** PID 1 of the namespace, as we see it: the one child of `unshare`. */
function childOf(pid: number): number {
  return Number(Bun.spawnSync(["ps", "-o", "pid=", "--ppid", String(pid)]).stdout.toString());
}

async function collect(stream: ReadableStream<Uint8Array>, into: string[]): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) into.push(decoder.decode(chunk, { stream: true }));
}
