import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CliDeps, RunningDaemon, StartFacts, StartOptions } from "../../src/cli/cli-deps.ts";
import { runCli } from "../../src/cli/cli.ts";
import type { Logger } from "../../src/lib/logger.ts";
import { DaemonError } from "../../src/protocol/daemon-error.ts";
import { testDeps, testIo, type TestIoOptions } from "../unit/cli/test-io.ts";

const FACTS: StartFacts = {
  version: "1.2.3",
  url: "http://127.0.0.1:5002",
  debugAddress: null,
  dataDir: "/data",
  key: { kind: "setting" },
  interpreters: [],
  uv: null,
  memoryLimit: "watched",
  ignoredSettings: [],
  warnings: ["the key is a published one"],
  readyMs: 12,
};

/** A daemon that only tells what happened to it. */
function fakeDaemon(facts: () => Promise<StartFacts> = () => Promise.resolve(FACTS)) {
  const events: string[] = [];
  const starts: StartOptions[] = [];
  const warned = Promise.withResolvers<void>();
  const add = (line: string) => {
    events.push(line);
    if (line.startsWith("warn")) warned.resolve();
  };
  const log = (level: string) => (message: string) => add(`${level}: ${message}`);
  const logger: Logger = {
    debug: log("debug"),
    info: (message, attributes) => add(`info: ${message} ${String(attributes?.["url"])}`),
    warn: log("warn"),
    error: log("error"),
    with: () => logger,
  };
  const daemon: RunningDaemon = {
    url: FACTS.url,
    logger,
    routes: [],
    facts,
    close: () => {
      events.push("closed");
      return Promise.resolve();
    },
  };
  const deps = testDeps({
    startDaemon: (options) => {
      starts.push(options);
      return Promise.resolve(daemon);
    },
  });
  return { events, starts, deps, warned: warned.promise };
}

async function start(
  argv: readonly string[],
  { deps, stopOn, ...options }: TestIoOptions & { readonly deps: CliDeps; readonly stopOn?: AbortSignal },
) {
  const io = testIo({ ...options, signal: stopOn ?? AbortSignal.abort() });
  const code = await runCli(["start", ...argv], io, deps);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

test("start lets flags win over variables, and variables over the file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "plugd-start-"));
  try {
    await Bun.write(join(folder, "my.env"), "SERVER_PORT=1\nSERVER_KEY=file\nLOG_LEVEL=debug\nDB_HOST=db\n");
    const { starts, deps } = fakeDaemon();
    const env = {
      SERVER_PORT: "2",
      SERVER_KEY: "",
      LOG_LEVEL: "warn",
      HOME: "/root",
      GONE: undefined,
      PLUGD_URL: "http://x",
    };
    const flags = ["--env-file", "my.env", "--port", "3", "--host", "0.0.0.0", "--data-dir", "data"];
    expect((await start(flags, { deps, env, cwd: folder })).code).toBe(0);
    expect(starts).toEqual([
      {
        env: {
          SERVER_PORT: "3",
          SERVER_HOST: "0.0.0.0",
          SERVER_KEY: "file",
          LOG_LEVEL: "warn",
          DB_HOST: "db",
          HOME: "/root",
          PLUGD_DATA_DIR: join(folder, "data"),
        },
      },
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("start says which env file it cannot read", async () => {
  const { deps, starts } = fakeDaemon();
  const { code, err } = await start(["--env-file", "missing.env"], { deps });
  expect(code).toBe(1);
  expect(err).toBe('Error: Cannot read the settings in "missing.env": ENOENT\n');
  expect(starts).toEqual([]);
});

test("start shows the banner on a terminal and closes the daemon when it is told to stop", async () => {
  const { deps, events } = fakeDaemon();
  const stop = new AbortController();
  const { code, out } = await start([], {
    deps,
    terminal: true,
    stopOn: stop.signal,
    onStdout: () => stop.abort(),
  });
  expect(code).toBe(0);
  expect(out).toContain("plugd 1.2.3 is ready at http://127.0.0.1:5002");
  expect(out).toContain("Stopping");
  expect(events).toEqual(["closed"]);
});

test("start writes log lines instead where there is no terminal", async () => {
  const { deps, events, warned } = fakeDaemon();
  const stop = new AbortController();
  const running = start([], { deps, stopOn: stop.signal });
  await warned;
  stop.abort();
  expect(await running).toEqual({ code: 0, out: "", err: "" });
  expect(events).toEqual([
    "info: Listening http://127.0.0.1:5002",
    "info: Ready http://127.0.0.1:5002",
    "warn: the key is a published one",
    "closed",
  ]);
});

test("start serves on when the machine cannot be looked at", async () => {
  const { deps, events, warned } = fakeDaemon(() => Promise.reject(new Error("no /proc")));
  const stop = new AbortController();
  const running = start([], { deps, stopOn: stop.signal });
  await warned;
  stop.abort();
  expect((await running).code).toBe(0);
  expect(events).toEqual([
    "info: Listening http://127.0.0.1:5002",
    "warn: Cannot tell what this machine has",
    "closed",
  ]);
});

test("start stops at once although the look around the machine still runs", async () => {
  const { deps, events } = fakeDaemon(() => new Promise(() => {}));
  expect((await start([], { deps })).code).toBe(0);
  expect(events).toEqual(["info: Listening http://127.0.0.1:5002", "closed"]);
});

test("start says nothing of a look around the machine that its own end cut short", async () => {
  const stop = new AbortController();
  const cut = Promise.withResolvers<StartFacts>();
  const { deps, events } = fakeDaemon(() => cut.promise);
  const running = start([], { deps, stopOn: stop.signal });
  stop.abort();
  cut.reject(new Error("aborted"));
  await running;
  expect(events).toEqual(["info: Listening http://127.0.0.1:5002", "closed"]);
});

test("start tells why a daemon cannot start, with the hint and without a trace", async () => {
  const error = new DaemonError("startup", 'Cannot listen on "127.0.0.1:5002": the port is taken', {
    hint: "Choose another one with --port",
  });
  const { code, err } = await start([], {
    deps: testDeps({ startDaemon: () => Promise.reject(error) }),
    stopOn: new AbortController().signal,
  });
  expect(code).toBe(1);
  expect(err).toBe(
    'Error: Cannot listen on "127.0.0.1:5002": the port is taken\nHint: Choose another one with --port\n',
  );
});

test("an error with a name of its own is told as it is", async () => {
  const error = new RangeError('Cannot use 1 setting\n  SERVER_PORT is "abc" but must be an integer');
  error.name = "ConfigError";
  const deps = testDeps({ startDaemon: () => Promise.reject(error) });
  const { err } = await start([], { deps, stopOn: new AbortController().signal });
  expect(err).toBe('Error: Cannot use 1 setting\n  SERVER_PORT is "abc" but must be an integer\n');
});

test("an error that nobody foresaw is one line, and a trace with --debug", async () => {
  const deps = testDeps({ startDaemon: () => Promise.reject(new TypeError("undefined is no function")) });
  const stopOn = new AbortController().signal;
  const plain = await start([], { deps, stopOn });
  expect(plain.err).toBe(
    "Error: undefined is no function\nRun it again with --debug to see where this happened\n",
  );
  expect((await start(["--debug"], { deps, stopOn })).err).toContain("cli-start.test.ts");
});
