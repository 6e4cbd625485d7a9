import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCall, TENANT } from "../support/daemon-api.ts";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { FAKE_PROVIDER } from "../support/fake-plugin-package.ts";
import { type PlainPackage, plainPackage } from "../support/plain-package.ts";
import { until } from "../support/processes.ts";

/* Programs in any language that speak the plain dialect on stdio, installed and called as users do it. */

setDefaultTimeout(120_000);

const PROGRAMS = join(import.meta.dir, "../fixtures/plugins/plain");
const scratch = mkdtempSync(join(tmpdir(), "plugd-plain-"));
let daemon: LocalDaemon;
beforeAll(async () => {
  daemon = await startTestDaemon({ env: { PLUGD_RUNNER_COMMANDS: "sh,/no/such/program" } });
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

const program = (name: string) => readFileSync(join(PROGRAMS, name));
const PLAIN = { protocol: "plain", version: "1", entrypoint: "main" };

function compile(argv: readonly string[], output: string): Uint8Array {
  const cache = join(scratch, "cache");
  mkdirSync(cache, { recursive: true });
  const { exitCode, stderr } = Bun.spawnSync([...argv], {
    cwd: PROGRAMS,
    env: { ...process.env, GOCACHE: cache, GO111MODULE: "off" },
    timeout: 110_000,
  });
  if (exitCode !== 0) throw new Error(`Not compiled: ${stderr.toString()}`);
  return readFileSync(output);
}

function readmeExample(): string {
  const readme = readFileSync(join(import.meta.dir, "../../README.md"), "utf8");
  return /```python\n([^]*?)```/.exec(readme)?.[1] ?? "";
}

interface Language {
  /** What the machine lacks. */
  readonly missing?: string;
  readonly plugin: () => Omit<PlainPackage, "name">;
  /** The pieces of a greeting. */
  readonly pieces: readonly string[];
  /** It can be asked to fail. */
  readonly fails?: boolean;
}

const binary = (name: string) => join(scratch, name);
const has = (name: string) => (Bun.which(name) === null ? { missing: `there is no ${name} here` } : {});

const LANGUAGES: Readonly<Record<string, Language>> = {
  "the article's own handler": {
    plugin: () => ({
      runner: { ...PLAIN, language: "python", version: "3.12" },
      files: {
        "main.py": program("main.py"),
        "local_runtime_handler.py": program("local_runtime_handler.py"),
        "requirements.txt": "",
      },
    }),
    pieces: ["Hello, Ada"],
  },
  "the README's own example": {
    plugin: () => ({
      runner: { ...PLAIN, language: "python", version: "3.12" },
      files: { "main.py": readmeExample(), "requirements.txt": "" },
    }),
    pieces: ["Hello, Ada"],
    fails: false,
  },
  "a shell script": {
    plugin: () => ({
      runner: { ...PLAIN, language: "sh", command: ["./main.sh"] },
      files: { "main.sh": program("main.sh") },
    }),
    pieces: ["Hello, ", "Ada"],
  },
  "a shell script by an allowed command": {
    plugin: () => ({
      runner: { ...PLAIN, language: "sh", command: ["sh", "bin/main.sh"] },
      files: { "bin/main.sh": program("main.sh") },
    }),
    pieces: ["Hello, ", "Ada"],
  },
  "a Go program": {
    ...has("go"),
    plugin: () => ({
      runner: { ...PLAIN, language: "go", command: ["bin/plugin"] },
      files: { "bin/plugin": compile(["go", "build", "-o", binary("go"), "main.go"], binary("go")) },
    }),
    pieces: ["Hello, ", "Ada"],
  },
  "a Rust program": {
    ...has("rustc"),
    plugin: () => ({
      runner: { ...PLAIN, language: "rust", command: ["./plugin"] },
      files: {
        plugin: compile(["rustc", "--edition", "2021", "-o", binary("rust"), "main.rs"], binary("rust")),
      },
    }),
    pieces: ["Hello, Ada"],
  },
};

let made = 0;
async function install(plugin: Omit<PlainPackage, "name">): Promise<string> {
  const uploaded = await daemon.api.upload(await plainPackage({ ...plugin, name: `plain-${++made}` }));
  if (uploaded.failure) throw new Error(uploaded.failure.message);
  const { unique_identifier: identifier } = uploaded.data as { unique_identifier: string };
  const task = await daemon.api.finished(await daemon.api.startInstall(identifier));
  if (task.status !== "success") throw new Error(task.plugins[0]?.message);
  return identifier.slice(0, identifier.indexOf(":"));
}

async function dispatch(pluginId: string, path: string, data: object) {
  return readCall(
    await daemon.api.request(`/plugin/${TENANT}/dispatch${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-plugin-id": pluginId },
      body: JSON.stringify({ user_id: "u1", data }),
    }),
  );
}

for (const [name, { missing, plugin, pieces, fails = true }] of Object.entries(LANGUAGES))
  describe.skipIf(missing !== undefined)(missing === undefined ? name : `${name} (${missing})`, () => {
    let pluginId = "";
    beforeAll(async () => {
      pluginId = await install(plugin());
    });

    test("answers a tool", async () => {
      const { items, failure } = await daemon.api.call(pluginId, { name: "Ada" });
      expect(failure).toBeUndefined();
      expect(items).toEqual(pieces.map((text) => ({ type: "text", message: { text }, meta: null })));
    });

    if (fails)
      test("fails with a type, a message and a code", async () => {
        const { failure } = await daemon.api.call(pluginId, { name: "Ada", fail: "on purpose" });
        expect(failure).toEqual({
          error_type: "PluginError",
          message: "on purpose",
          args: { code: "FAILED" },
        });
      });

    test("checks credentials", async () => {
      const data = { provider: FAKE_PROVIDER, credentials: { api_key: "right" } };
      expect((await dispatch(pluginId, "/tool/validate_credentials", data)).items).toEqual([
        { result: true },
      ]);
    });

    test("answers many callers at once, each its own", async () => {
      const names = Array.from({ length: 20 }, (_, at) => `caller-${at}`);
      const answers = await Promise.all(names.map((who) => daemon.api.call(pluginId, { name: who })));
      for (const [at, { items }] of answers.entries())
        expect((items as { message: { text: string } }[]).map(({ message }) => message.text).join("")).toBe(
          `Hello, ${names[at]}`,
        );
    });
  });

describe("the article's own handler", () => {
  test("loses neither the others nor its place when a caller leaves in the middle", async () => {
    const language = LANGUAGES["the article's own handler"];
    const pluginId = await install(language?.plugin() ?? { runner: {}, files: {} });
    const leave = new AbortController();
    const left = daemon.api.call(pluginId, { name: "gone", sleep: 1 }, { signal: leave.signal });
    const waiting = ["a", "b"].map((name) => daemon.api.call(pluginId, { name }));
    await until("all three are with the plugin", async () => (await daemon.api.health()).busy === 3);
    leave.abort();
    await expect(left).rejects.toThrow();
    // It answers the cancel with "Unknown action: None", which is nobody's failure.
    const late = daemon.api.call(pluginId, { name: "c" });
    for (const [at, answer] of (await Promise.all([...waiting, late])).entries())
      expect(answer.items).toMatchObject([{ message: { text: `Hello, ${"abc"[at]}` } }]);
  });

  test("refuses what it does not know in its own words", async () => {
    const language = LANGUAGES["the article's own handler"];
    const pluginId = await install(language?.plugin() ?? { runner: {}, files: {} });
    const data = { provider: FAKE_PROVIDER, tool: "act", credentials: {} };
    const { failure } = await dispatch(pluginId, "/tool/get_runtime_parameters", data);
    expect(failure).toMatchObject({ message: "Unknown action: get_tool_runtime_parameters" });
  });
});

describe("an installation says what is wrong with meta.runner", () => {
  const files = { "main.sh": program("main.sh") };
  const shell = { ...PLAIN, language: "sh", command: ["./main.sh"] };

  test.each([
    [{ ...shell, protocol: "morse" }, 'meta.runner.protocol is "morse": it must be sdk or plain'],
    [{ ...shell, heartbeat: "never" }, 'meta.runner.heartbeat is "never": it must be true or false'],
    [
      { ...shell, command: "./main.sh" },
      'meta.runner.command is "./main.sh": it must be a list of a program',
    ],
    [{ ...shell, command: [] }, "meta.runner.command is []: it must be a list of a program"],
    [{ ...shell, command: ["./main.sh", 3] }, "meta.runner.command is 3: it must be texts"],
    [
      { ...shell, command: ["./missing"] },
      'Cannot run meta.runner.command "./missing": the package has no such file',
    ],
    [
      { ...shell, command: ["../../sh"] },
      'Cannot run meta.runner.command "../../sh": it lies outside of the package',
    ],
    [{ ...shell, command: ["/bin/sh"] }, 'Cannot run meta.runner.command "/bin/sh": it is not allowed here'],
    [{ ...shell, command: ["python3"] }, "PLUGD_RUNNER_COMMANDS"],
    [{ ...shell, command: ["/no/such/program"] }, "this machine does not have it"],
    [{ ...PLAIN, language: "sh" }, "unsupported language: sh"],
  ])("%j", async (runner, message) => {
    await expect(install({ runner, files })).rejects.toThrow(message);
  });

  test("a program that ends at once is told with what it wrote", async () => {
    const runner = { ...shell, heartbeat: false };
    const broken = { "main.sh": "#!/bin/sh\necho no luck >&2\nexit 3\n" };
    await expect(install({ runner, files: broken })).rejects.toThrow(/exited with 3[^]*no luck/);
  });
});

test("without heartbeats a plugin is ready as soon as it runs", async () => {
  const silent =
    '#!/bin/sh\nwhile read -r line; do echo \'{"type":"response","status":"success","data":{"content":"hi"}}\'; done\n';
  const pluginId = await install({
    runner: { ...PLAIN, language: "sh", command: ["./main.sh"], heartbeat: false },
    files: { "main.sh": silent },
  });
  expect((await daemon.api.call(pluginId, {})).items).toMatchObject([{ message: { text: "hi" } }]);
});

test("a program may speak the SDK's dialect as well", async () => {
  const script = `#!/bin/sh
echo '{"event":"heartbeat","session_id":null,"data":{}}'
while read -r line; do
  id=$(printf '%s' "$line" | sed 's/.*"session_id":"\\([^"]*\\)".*/\\1/')
  echo '{"event":"session","session_id":"'"$id"'","data":{"type":"stream","data":{"type":"text","message":{"text":"hi"}}}}'
  echo '{"event":"session","session_id":"'"$id"'","data":{"type":"end","data":{}}}'
done
`;
  const pluginId = await install({
    runner: { language: "sh", version: "1", entrypoint: "main", command: ["./main.sh"] },
    files: { "main.sh": script },
  });
  expect((await daemon.api.call(pluginId, {})).items).toMatchObject([{ message: { text: "hi" } }]);
});

test("chunks without ids while two streams are open end both calls, and the plugin lives", async () => {
  const script = `#!/bin/sh
n=0
while read -r line; do
  case "$line" in
    *'"type":"heartbeat"'*) echo '{"type":"heartbeat_ack"}'; continue ;;
    *'"type":"invoke"'*) ;;
    *) continue ;;
  esac
  id=$(printf '%s' "$line" | sed 's/.*"request_id":"\\([^"]*\\)".*/\\1/')
  echo '{"type":"stream_start","request_id":"'"$id"'"}'
  n=$((n + 1))
  if [ $n -eq 2 ]; then echo '{"type":"stream_chunk","data":{"content":"whose?"}}'; fi
  if [ $n -gt 2 ]; then echo '{"type":"stream_end","request_id":"'"$id"'"}'; fi
done
`;
  const pluginId = await install({
    runner: { ...PLAIN, language: "sh", command: ["./main.sh"] },
    files: { "main.sh": script },
  });
  for (const { failure, items } of await Promise.all([1, 2].map(() => daemon.api.call(pluginId, {})))) {
    expect(items).toEqual([]);
    expect(failure).toMatchObject({
      error_type: "PluginProtocolError",
      message: "Cannot follow the plugin: a stream_chunk without ids came while 2 streams were open",
    });
  }
  expect((await daemon.api.call(pluginId, {})).failure).toBeUndefined();
});
