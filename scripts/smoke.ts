#!/usr/bin/env bun
/**
 * Runs the finished program the way its users do, and closes with one line `smoke: N passed, N failed`.
 *
 *   bun scripts/smoke.ts dist/plugd
 *   bun scripts/smoke.ts bun src/main.ts
 *
 * Needs neither Python nor a network. Everything happens in a temporary folder on free ports.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import packageJson from "../package.json" with { type: "json" };
import { buildDemoPackage } from "../src/cli/demo-package.ts";

const COMMAND_LIMIT_MS = 30_000;
const READY_LIMIT_MS = 20_000;
const DEMO_LIMIT_MS = 5_000;

const program = process.argv.slice(2).map((word) => (existsSync(word) ? resolve(word) : word));
if (program.length === 0) {
  console.error("Name the program to test, such as dist/plugd or bun src/main.ts");
  process.exit(2);
}

const root = mkdtempSync(join(tmpdir(), "plugd-smoke-"));
const temporary = join(root, "tmp");
const data = join(root, "data");
const packageFile = join(root, "hello.difypkg");
mkdirSync(temporary);
await Bun.write(packageFile, await buildDemoPackage());

const running = new Set<Bun.Subprocess>();
let passed = 0;
let failed = 0;
try {
  await withoutDaemon();
  await withoutSettings();
  await wholeLifeOfAPlugin();
} finally {
  // After a failed check a daemon may still run.
  for (const child of running) child.kill("SIGKILL");
  await Promise.all([...running].map((child) => child.exited));
  rmSync(root, { recursive: true, force: true });
}
console.log(`smoke: ${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

async function withoutDaemon(): Promise<void> {
  await check("--version tells the version", async () => {
    expect(await plugd(["--version"]), { code: 0, out: `plugd ${packageJson.version}\n` });
  });
  await check("--help names every command", async () => {
    const { code, out } = await plugd(["--help"]);
    equal(code, 0);
    for (const name of ["start", "demo", "install", "list", "invoke", "uninstall", "tasks"])
      contains(out, `\n  ${name} `);
  });
  await check("an unknown command is a usage error", async () => {
    expect(await plugd(["instal"]), { code: 2, err: "Did you mean install?" });
  });
  await check("a daemon that is not there is told with exit code 3", async () => {
    expect(await plugd(["list", "--url", `http://127.0.0.1:${freePort()}`]), {
      code: 3,
      err: "No daemon answers at",
    });
  });
  await check("demo shows an answer that was streamed, and leaves nothing behind", async () => {
    const began = performance.now();
    const { code, out, err } = await plugd(["demo", "Smoke"]);
    const tookMs = performance.now() - began;
    if (code !== 0) throw new Error(`exit code ${code}: ${err}`);
    contains(out, "Hello, Smoke! Every word of this came on its own.");
    equal(readdirSync(temporary).join(), "");
    if (tookMs > DEMO_LIMIT_MS) throw new Error(`it took ${Math.round(tookMs)} ms`);
    console.log(`     (demo: ${Math.round(tookMs)} ms)`);
  });
}

async function withoutSettings(): Promise<void> {
  const port = freePort();
  const daemon = await startDaemon("a daemon without settings is ready and healthy", { port });
  await check("its key is in a file for its owner only", () => {
    equal((statSync(join(data, "server.key")).mode & 0o777).toString(8), "600");
  });
  await check("it tells where it is in its data folder", () => {
    contains(readFileSync(join(data, "daemon.json"), "utf8"), `:${port}`);
  });
  await check("the data folder is all that a command needs to find it", async () => {
    expect(await plugd(["list", "--data-dir", data]), { code: 0, err: "Nothing is installed" });
  });
  await check("a wrong key is refused with exit code 4", async () => {
    expect(await plugd(["list", "--url", daemon.url, "--key", "wrong"]), { code: 4, err: "refused the key" });
  });
  await check("an unsigned package is refused, and the message says what to do", async () => {
    expect(await plugd(["install", packageFile, "--data-dir", data]), {
      code: 1,
      err: "FORCE_VERIFYING_SIGNATURE=false",
    });
  });
  await check("a second daemon in the same folder is refused", async () => {
    const second = await plugd(["start", "--data-dir", data, "--port", String(freePort())]);
    equal(second.code, 1);
    contains(second.out + second.err, data);
  });
  await check("a port that is taken is told", async () => {
    const second = await plugd(["start", "--data-dir", join(root, "other"), "--port", String(port)]);
    equal(second.code, 1);
    contains(second.out + second.err, String(port));
  });
  await check("SIGTERM ends it with 0", () => daemon.stop());
  await check("its log does not hold the key", async () => {
    const key = readFileSync(join(data, "server.key"), "utf8").trim();
    if (key === "" || (await daemon.output()).includes(key))
      throw new Error("the key is empty or in the log");
  });
}

async function wholeLifeOfAPlugin(): Promise<void> {
  const settings = { port: freePort(), env: { FORCE_VERIFYING_SIGNATURE: "false" } };
  const first = await startDaemon("it starts again in the same folder", settings);
  const here = ["--data-dir", data];
  await check("install uploads, installs and waits", async () => {
    expect(await plugd(["install", packageFile, ...here]), { code: 0, out: "Installed plugd/hello 0.1.0" });
  });
  await check("installing it once more changes nothing", async () => {
    expect(await plugd(["install", packageFile, ...here]), { code: 0, out: "was installed already" });
  });
  await check("list shows it", async () => {
    const row = "plugd/hello  0.1.0    local    default (PLUGD_RUNTIME)  tools: greet";
    expect(await plugd(["list", ...here]), { code: 0, out: row });
  });
  await check("invoke streams its answer", async () => {
    const pieces = await plugd([
      "invoke",
      "plugd/hello",
      "greet",
      "name=Raw",
      "pause_ms=0",
      "--raw",
      ...here,
    ]);
    expect(pieces, { code: 0, out: '{"type":"text","message":{"text":"Hello, "},"meta":null}\n' });
    expect(await plugd(["invoke", "plugd/hello", "greet", "name=Text", ...here]), {
      code: 0,
      out: "Hello, Text! Every word of this came on its own.\n",
    });
  });
  await check("invoke tells an error of the plugin with exit code 1", async () => {
    expect(await plugd(["invoke", "plugd/hello", "greet", "name=", ...here]), {
      code: 1,
      err: "TypeError: Tell me whom to greet",
    });
  });
  await check("SIGTERM lets an open call finish and ends with 0", async () => {
    const call = spawn(["invoke", "plugd/hello", "greet", "name=Last", "pause_ms=200", ...here]);
    await call.outputHas("Hello, ");
    await Promise.all([
      first.stop(),
      call.ended().then((ran) => expect(ran, { code: 0, out: "came on its own.\n" })),
    ]);
  });

  const second = await startDaemon("it starts once more", settings);
  await check("the plugin is still installed, and its first call is answered", async () => {
    expect(await plugd(["invoke", "plugd/hello", "greet", "name=Again", "pause_ms=0", ...here]), {
      code: 0,
      out: "Hello, Again!",
    });
  });
  await check("uninstall removes it", async () => {
    expect(await plugd(["uninstall", "plugd/hello", ...here]), {
      code: 0,
      out: "Uninstalled plugd/hello 0.1.0",
    });
    expect(await plugd(["list", ...here]), { code: 0, err: "Nothing is installed" });
  });
  await check("a plugin in TypeScript that it makes answers as it is", async () => {
    const profile = ["--quick", "--author", "smoke", "--name", "made", "--description", "d"];
    for (const argv of [
      ["plugin", "init", ...profile, "--language", "typescript"],
      ["plugin", "package", "made"],
      ["install", "made.difypkg", ...here],
    ])
      expect(await plugd(argv), { code: 0 });
    expect(await plugd(["invoke", "smoke/made", "made", "query=tea", ...here]), {
      code: 0,
      out: "You asked for: tea",
    });
  });
  await check("it ends with 0 again", () => second.stop());
}

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function check(name: string, run: () => void | Promise<void>): Promise<void> {
  try {
    await run();
    passed += 1;
    console.log(`ok   ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Runs a command to its end, which comes within a bound. */
function plugd(argv: readonly string[]): Promise<Ran> {
  return spawn(argv, { limitMs: COMMAND_LIMIT_MS }).ended();
}

interface SpawnOptions {
  readonly limitMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

function spawn(argv: readonly string[], options: SpawnOptions = {}) {
  const child = Bun.spawn([...program, ...argv], {
    cwd: root,
    // Nothing of the caller's settings may decide what happens here.
    env: { PATH: process.env["PATH"], HOME: root, TMPDIR: temporary, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.limitMs === undefined ? {} : { timeout: options.limitMs, killSignal: "SIGKILL" }),
  });
  running.add(child);
  void child.exited.then(() => running.delete(child));
  let out = "";
  let over = false;
  const watchers = new Set<() => void>();
  const stdout = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      out += decoder.decode(chunk, { stream: true });
      for (const watcher of watchers) watcher();
    }
    over = true;
    for (const watcher of watchers) watcher();
  })();
  const stderr = child.stderr.text();
  const ended = async (): Promise<Ran> => {
    await Promise.all([stdout, stderr, child.exited]);
    return { code: child.exitCode, out, err: await stderr };
  };
  return {
    child,
    ended,
    /** Resolves when the text has appeared on stdout; rejects when the program ends without. */
    outputHas: (text: string) =>
      new Promise<void>((done, fail) => {
        const look = () => {
          if (out.includes(text)) done();
          else if (over) fail(new Error(`"${text}" did not appear in "${out}"`));
        };
        watchers.add(look);
        look();
      }),
  };
}

interface SmokeDaemon {
  readonly url: string;
  /** Sends SIGTERM and fails unless the end comes soon, with exit code 0. */
  stop(): Promise<void>;
  /** All that it has written; call it after `stop()`. */
  output(): Promise<string>;
}

async function startDaemon(
  name: string,
  { port, env = {} }: { readonly port: number; readonly env?: Readonly<Record<string, string>> },
): Promise<SmokeDaemon> {
  const { child, ended } = spawn(["start", "--data-dir", data, "--port", String(port)], { env });
  const url = `http://127.0.0.1:${port}`;
  await check(name, async () => {
    const deadline = performance.now() + READY_LIMIT_MS;
    while (performance.now() < deadline && child.exitCode === null) {
      const health = await fetch(`${url}/health/check`, { proxy: false }).catch(() => undefined);
      // The first answer may come a moment before the record in the data folder is written.
      if (health?.ok && existsSync(join(data, "daemon.json")))
        return contains(await health.text(), '"status":"ok"');
      await Bun.sleep(20);
    }
    child.kill("SIGKILL");
    const { code, out, err } = await ended();
    throw new Error(`it did not answer (exit code ${code}): ${out}${err}`);
  });
  return {
    url,
    stop: async () => {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), COMMAND_LIMIT_MS);
      const { code, out, err } = await ended();
      clearTimeout(timer);
      if (code !== 0) throw new Error(`exit code ${code}: ${out}${err}`);
    },
    output: async () => {
      const { out, err } = await ended();
      return out + err;
    },
  };
}

function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  probe.stop(true);
  return probe.port;
}

function expect(
  ran: Ran,
  wanted: { readonly code: number; readonly out?: string; readonly err?: string },
): void {
  if (ran.code !== wanted.code || !ran.out.includes(wanted.out ?? "") || !ran.err.includes(wanted.err ?? ""))
    throw new Error(`wanted ${JSON.stringify(wanted)}, got ${JSON.stringify(ran)}`);
}

function equal<T>(actual: T, wanted: T): void {
  if (actual !== wanted) throw new Error(`wanted ${JSON.stringify(wanted)}, got ${JSON.stringify(actual)}`);
}

function contains(text: string, part: string): void {
  if (!text.includes(part)) throw new Error(`"${part}" is not in "${text}"`);
}
