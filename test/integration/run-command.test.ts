import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CommandOptions, runCommand, succeeded } from "../../src/lib/run-command.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "plugd-command-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function run(script: string, options: Partial<CommandOptions> = {}) {
  return runCommand(["/bin/sh", "-c", script], {
    cwd: root,
    env: { PATH: "/usr/bin:/bin" },
    signal: new AbortController().signal,
    timeoutMs: 20_000,
    ...options,
  });
}

/** Is there such a process, other than a zombie? */
function isAlive(pid: number): boolean {
  const state = existsSync(`/proc/${pid}/stat`)
    ? /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1]
    : "Z";
  return state !== "Z";
}

describe("runCommand()", () => {
  test("gives both outputs and the exit code", async () => {
    const result = await run("echo out; echo err >&2; exit 3");
    expect(result).toEqual({ end: { kind: "exited", code: 3 }, stdout: "out\n", stderr: "err\n" });
    expect(succeeded(result)).toBe(false);
    expect(succeeded(await run("true"))).toBe(true);
  });

  test("tells lines as they come, progress bars and a last line without end too", async () => {
    const lines: string[] = [];
    await run("printf 'a\\n\\n10%%\\r20%%\\rdone'; printf 'e\\n' >&2", {
      onLine: (line, output) => lines.push(`${output} ${line}`),
    });
    expect(lines.toSorted()).toEqual(["stderr e", "stdout 10%", "stdout 20%", "stdout a", "stdout done"]);
  });

  test("gives the program nothing but its environment", async () => {
    const { stdout } = await run("env | cut -d= -f1 | sort | tr '\\n' ' '", {
      env: { PATH: "/usr/bin:/bin", ONLY: "1" },
    });
    expect(
      stdout.split(" ").filter((name) => !["PWD", "SHLVL", "_", "OLDPWD", "", "\n"].includes(name)),
    ).toEqual(["ONLY", "PATH"]);
  });

  test("keeps the end of a large output, and drains it all", async () => {
    const { stdout, end } = await run(
      "i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done; echo last",
      { keepChars: 1000 },
    );
    expect(end).toEqual({ kind: "exited", code: 0 });
    expect(stdout.length).toBeLessThanOrEqual(1000);
    expect(stdout).toEndWith("last\n");
  });

  test("ends what is silent for too long, with all that it started", async () => {
    const pidFile = join(root, "grandchild");
    const result = await run(`sleep 60 & echo $! > ${pidFile}; echo begun; wait`, { inactivityMs: 300 });
    expect(result).toMatchObject({ end: { kind: "inactive" }, stdout: "begun\n" });
    expect(isAlive(Number(await Bun.file(pidFile).text()))).toBe(false);
  });

  test("lets live what is slow but not silent", async () => {
    const { end } = await run("for i in 1 2 3 4; do echo $i; sleep 0.2; done", { inactivityMs: 600 });
    expect(end).toEqual({ kind: "exited", code: 0 });
  });

  test("ends what takes too long, though it talks", async () => {
    const { end } = await run("while true; do echo x; sleep 0.05; done", {
      timeoutMs: 400,
      inactivityMs: 300,
    });
    expect(end).toEqual({ kind: "timeout" });
  });

  test("ends at an abort, also at one that came before", async () => {
    const abort = new AbortController();
    const { end } = await run("echo go; sleep 60", { signal: abort.signal, onLine: () => abort.abort() });
    expect(end).toEqual({ kind: "aborted" });
    expect((await run("echo never", { signal: abort.signal })).stdout).toBe("");
  });

  test("does not wait for a grandchild that holds the output", async () => {
    const started = performance.now();
    const result = await run("sleep 60 & echo over");
    expect(result).toMatchObject({ end: { kind: "exited", code: 0 }, stdout: "over\n" });
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test("tells a signal that was not its own", async () => {
    expect((await run("kill -TERM $$")).end).toEqual({ kind: "signalled", signal: "SIGTERM" });
  });

  test("tells what could not be started", async () => {
    const missing = await runCommand(["/no/such/program"], {
      cwd: root,
      env: {},
      signal: new AbortController().signal,
      timeoutMs: 1000,
    });
    expect(missing.end.kind).toBe("not_started");
    expect((await run("true", { cwd: "/no/such/folder" })).end.kind).toBe("not_started");
  });
});
