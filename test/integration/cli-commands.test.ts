import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCli } from "../../src/cli/cli.ts";
import {
  failure,
  IDENTIFIER,
  installation,
  sse,
  type StandIn,
  standInDaemon,
  type StandInOptions,
  success,
  TENANT,
} from "../unit/cli/stand-in-daemon.ts";
import { testDeps, testIo, type TestIoOptions } from "../unit/cli/test-io.ts";

const noDaemon = testDeps();

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function plugd(argv: readonly string[], options: TestIoOptions = {}): Promise<Ran> {
  const io = testIo(options);
  const code = await runCli(argv, io, noDaemon);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

/** Runs one command against a stand-in that takes the key `k`. */
async function against(
  options: StandInOptions,
  argv: readonly string[],
  io: TestIoOptions = {},
): Promise<Ran & { readonly daemon: StandIn }> {
  await using daemon = standInDaemon({ key: "k", ...options });
  return { ...(await plugd([...argv, "--url", daemon.url, "--key", "k"], io)), daemon };
}

async function withPackageFile<T>(use: (file: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "plugd-cli-"));
  try {
    await Bun.write(join(folder, "hello.difypkg"), "a package");
    return await use(join(folder, "hello.difypkg"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const MANAGEMENT = `/plugin/${TENANT}/management`;
const text = (words: string) => success({ type: "text", message: { text: words }, meta: null });
const answers = (...items: unknown[]) => ({
  dispatch: () => new Response(sse(...items), { headers: { "content-type": "text/event-stream" } }),
});

test("--help and --version write to stdout and end with 0", async () => {
  const help = await plugd(["--help"]);
  expect(help).toMatchObject({ code: 0, err: "" });
  for (const command of ["start", "demo", "install", "list", "invoke", "uninstall", "tasks"])
    expect(help.out).toContain(`\n  ${command} `);
  expect(await plugd(["--version"])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^plugd \d+\.\d+\.\d+\n$/),
  });
  expect((await plugd(["invoke", "--help"])).out).toContain("key=value");
});

test.each([
  [[], "Usage:"],
  [["instal"], "Did you mean install?"],
  [["install"], "missing required argument 'file'"],
  [["list", "--nope"], "unknown option '--nope'"],
  [["install", "x", "--timeout", "soon"], "It must be a number of seconds above 0."],
  [["list", "--url", "ftp://x"], '"ftp://x" is no address of a daemon'],
])("plugd %p is a usage error", async (argv, message) => {
  const { code, out, err } = await plugd(argv);
  expect(code).toBe(2);
  expect(out).toBe("");
  expect(err).toContain(message);
});

test("a daemon that is not there ends every command with 3 and says how to start one", async () => {
  await using daemon = standInDaemon();
  const { url } = daemon;
  await daemon[Symbol.asyncDispose]();
  const { code, err } = await plugd(["list", "--url", url]);
  expect(code).toBe(3);
  expect(err).toBe(
    `Error: No daemon answers at "${url}"\nHint: Start one with "plugd start", or name another one with --url or PLUGD_URL\n`,
  );
});

test("a refused key ends with 4 and is not shown", async () => {
  await using daemon = standInDaemon({ key: "right" });
  const { code, err, out } = await plugd(["list", "--url", daemon.url, "--key", "sk-wrong"]);
  expect(code).toBe(4);
  expect(err).toContain("refused the key from --key");
  expect(out + err).not.toContain("sk-wrong");
  expect((await plugd(["list", "--url", daemon.url])).err).toContain("wants a key, and there is none here");
});

test("what is no daemon is told apart from one that says no", async () => {
  using server = Bun.serve({
    port: 0,
    fetch: () => new Response("<h1>It works!</h1>", { status: 200 }),
  });
  const { code, err } = await plugd(["list", "--url", `http://127.0.0.1:${server.port}`]);
  expect(code).toBe(1);
  expect(err).toContain('is no plugin daemon, or an older one: status 200, "<h1>It works!</h1>"');
});

test("a daemon on loopback is asked directly, whatever proxy the environment names", async () => {
  await using daemon = standInDaemon({ installed: [] });
  const child = Bun.spawn(
    [
      process.execPath,
      "-e",
      `
      import { runCli } from "${import.meta.dir}/../../src/cli/cli.ts";
      import { testIo } from "${import.meta.dir}/../unit/cli/test-io.ts";
      const io = testIo();
      const code = await runCli(["list", "--url", "${daemon.url}"], io, { startDaemon: () => Promise.reject() });
      process.stdout.write(io.stderr.text);
      process.exit(code);`,
    ],
    {
      env: { PATH: process.env["PATH"], HTTP_PROXY: "http://127.0.0.1:9", http_proxy: "http://127.0.0.1:9" },
    },
  );
  expect(await child.stdout.text()).toContain("Nothing is installed");
  expect(await child.exited).toBe(0);
});

test("list shows a table, or with --json what the API answers", async () => {
  const second = installation({
    plugin_id: "acme/models",
    version: "0.2.0",
    declaration: { model: { models: [{}, {}] }, tool: null },
  });
  const table = await against({ installed: [installation(), second] }, ["list"]);
  expect(table.code).toBe(0);
  expect(table.out).toBe(
    "PLUGIN       VERSION  RUNTIME  PROVIDES\n" +
      "acme/hello   1.0.0    local    tools: greet\n" +
      "acme/models  0.2.0    local    2 models\n",
  );
  const json = await against({}, ["list", "--json"]);
  expect(JSON.parse(json.out)).toEqual([installation()]);
  expect(await against({ installed: [] }, ["list"])).toMatchObject({ code: 0, out: "" });
  expect((await against({ installed: [] }, ["list", "--json"])).out).toBe("[]\n");
});

test("list reads every page", async () => {
  const { out, daemon } = await against({ installed: Array.from({ length: 300 }, () => installation()) }, [
    "list",
  ]);
  expect(out.trimEnd().split("\n")).toHaveLength(301);
  expect(daemon.calls.filter((call) => call.includes("/management/list"))).toHaveLength(2);
});

test("install uploads, follows the task and tells each step once", async () => {
  await withPackageFile(async (file) => {
    const taskSteps = [
      { status: "pending", message: "" },
      { status: "running", message: "dependencies: Resolved 41 packages" },
      { status: "running", message: "dependencies: Resolved 41 packages" },
      { status: "running", message: "start" },
      { status: "success", message: "installed" },
    ];
    const { code, out, err, daemon } = await against({ taskSteps }, ["install", file]);
    expect(code).toBe(0);
    expect(err).toBe("Uploading hello.difypkg (9 B)\ndependencies: Resolved 41 packages\nstart\n");
    expect(out).toBe("Installed acme/hello 1.0.0\n");
    expect(daemon.bodies.get(`${MANAGEMENT}/install/identifiers`)).toEqual({
      plugin_unique_identifiers: [IDENTIFIER],
      source: "package",
      metas: [{}],
    });
    const form = daemon.bodies.get(`${MANAGEMENT}/install/upload/package`);
    expect(form).toMatchObject({ verify_signature: "false", dify_pkg: expect.any(File) });
  });
});

test("install keeps one line up to date on a terminal, and ends with the next command", async () => {
  await withPackageFile(async (file) => {
    const taskSteps = [
      { status: "running", message: "unpack" },
      { status: "success", message: "" },
    ];
    const { out, err } = await against({ taskSteps }, ["install", file], { terminal: true });
    expect(err).toBe("\r\u001b[2KUploading hello.difypkg (9 B)\r\u001b[2Kunpack\r\u001b[2K");
    expect(out).toBe("Installed acme/hello 1.0.0\nNext: plugd invoke acme/hello greet name=…\n");
  });
});

test("install --no-wait comes back at once", async () => {
  await withPackageFile(async (file) => {
    const { code, out, daemon } = await against({}, ["install", file, "--no-wait"]);
    expect(code).toBe(0);
    expect(out).toContain("is being installed");
    expect(daemon.calls.filter((call) => call.includes("/tasks/"))).toEqual([]);
  });
});

test("install tells a failed task's message and hint, and ends with 1", async () => {
  await withPackageFile(async (file) => {
    const taskSteps = [{ status: "failed", message: "no interpreter fits 3.14\nInstall Python 3.14" }];
    const { code, err } = await against({ taskSteps }, ["install", file]);
    expect(code).toBe(1);
    expect(err).toContain(
      `Error: Cannot install "${IDENTIFIER}": no interpreter fits 3.14\nHint: Install Python 3.14\n`,
    );
  });
});

test("install takes a task that is gone for done when the plugin is installed, and only then", async () => {
  await withPackageFile(async (file) => {
    const taskSteps = [{ status: "running", message: "start" }, "gone"] as const;
    expect((await against({ taskSteps }, ["install", file])).code).toBe(0);
    const removed = await against({ taskSteps, installed: [] }, ["install", file]);
    expect(removed.code).toBe(1);
    expect(removed.err).toContain("was removed before it was finished");
  });
});

test("install gives up after --timeout and says that the daemon goes on", async () => {
  await withPackageFile(async (file) => {
    const taskSteps = [{ status: "running", message: "dependencies" }];
    const { code, err } = await against({ taskSteps }, ["install", file, "--timeout", "0.001"]);
    expect(code).toBe(1);
    expect(err).toContain("is not installed after 1 ms: dependencies");
    expect(err).toContain("The daemon goes on with it");
  });
});

test("install says that the very same package is installed already", async () => {
  await withPackageFile(async (file) => {
    const { code, out } = await against({ allInstalled: true }, ["install", file]);
    expect({ code, out }).toEqual({ code: 0, out: "acme/hello 1.0.0 was installed already\n" });
  });
});

test("install upgrades where another version is installed", async () => {
  await withPackageFile(async (file) => {
    const old = `acme/hello:0.9.0@${"b".repeat(64)}`;
    const installed = [installation({ version: "0.9.0", plugin_unique_identifier: old })];
    const { code, out, daemon } = await against({ allInstalled: true, installed }, ["install", file]);
    expect({ code, out }).toEqual({ code: 0, out: "Installed acme/hello 1.0.0 in place of 0.9.0\n" });
    expect(daemon.bodies.get(`${MANAGEMENT}/install/upgrade`)).toEqual({
      original_plugin_unique_identifier: old,
      new_plugin_unique_identifier: IDENTIFIER,
      source: "package",
      meta: {},
    });
    expect(daemon.calls.at(-2)).toBe(`GET ${MANAGEMENT}/install/tasks/t1`);
  });
});

test("install says what is wrong with the file", async () => {
  const missing = await against({}, ["install", "nothing.difypkg"], { cwd: tmpdir() });
  expect(missing).toMatchObject({
    code: 1,
    err: 'Error: Cannot read "nothing.difypkg": there is no such file\n',
  });
  expect((await against({}, ["install", tmpdir()])).err).toContain("it is a folder");
  await withPackageFile(async (file) => {
    const bad = failure(
      -400,
      "PluginDaemonBadRequestError",
      "the plugin you want to install has a bad signature",
    );
    const { code, err } = await against({ upload: bad }, ["install", file]);
    expect(code).toBe(1);
    expect(err).toContain("has a bad signature\nHint: Start the daemon with FORCE_VERIFYING_SIGNATURE=false");
  });
});

test("uninstall finds the installation by plugin id or unique identifier", async () => {
  for (const name of ["acme/hello", IDENTIFIER]) {
    const { code, out, daemon } = await against({}, ["uninstall", name]);
    expect({ code, out }).toEqual({ code: 0, out: "Uninstalled acme/hello 1.0.0\n" });
    expect([...daemon.bodies.values()]).toEqual([
      { plugin_ids: ["acme/hello"] },
      { plugin_installation_id: "installation-1" },
    ]);
  }
  const missing = await against({ installed: [] }, ["uninstall", "acme/hello"]);
  expect(missing.code).toBe(1);
  expect(missing.err).toContain('Cannot uninstall "acme/hello": it is not installed');
});

test("tasks shows one row a plugin", async () => {
  const { out } = await against({ taskSteps: [{ status: "failed", message: "line one\nline two" }] }, [
    "tasks",
  ]);
  expect(out).toMatch(
    /^PLUGIN {6}STATUS  BEGUN +MESSAGE\nacme\/hello  failed  \d+ ms ago +line one; line two\n$/,
  );
  expect((await against({}, ["tasks"])).err).toContain("No installation");
  expect((await against({}, ["tasks", "--json"])).out).toBe("[]\n");
});

test("invoke sends what the contract wants", async () => {
  const { code, daemon } = await against(answers(text("hi")), ["invoke", "acme/hello", "greet", "name=Eva"]);
  expect(code).toBe(0);
  expect(daemon.headers.get("x-plugin-id")).toBe("acme/hello");
  expect(daemon.headers.get("content-type")).toBe("application/json");
  expect(daemon.bodies.get("/plugin/00000000-0000-0000-0000-000000000000/dispatch/tool/invoke")).toEqual({
    user_id: "plugd-cli",
    data: { provider: "hello", tool: "greet", tool_parameters: { name: "Eva" }, credentials: {} },
  });
});

test("invoke takes provider and credentials from flags, credentials also from a file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "plugd-cli-"));
  try {
    await Bun.write(join(folder, "c.json"), '{"api_key":"sk"}');
    const base = ["invoke", "acme/hello", "greet", "name=x", "--provider", "other", "--credentials"];
    for (const given of ['{"api_key":"sk"}', "@c.json"]) {
      const { daemon } = await against(answers(), [...base, given], { cwd: folder });
      expect([...daemon.bodies.values()].at(-1)).toMatchObject({
        data: { provider: "other", credentials: { api_key: "sk" } },
      });
    }
    const missing = await against(answers(), [...base, "@missing.json"], { cwd: folder });
    expect(missing.err).toContain('there is no file "missing.json"');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("invoke shows a piece of text before the next one is sent", async () => {
  const seen = Promise.withResolvers<void>();
  const dispatch = () =>
    new Response(
      new ReadableStream<string>({
        async start(controller) {
          controller.enqueue(sse(text("one ")));
          await seen.promise;
          controller.enqueue(sse(text("two")));
          controller.close();
        },
      }).pipeThrough(new TextEncoderStream()),
    );
  const onStdout = (written: string) => {
    if (written === "one ") seen.resolve();
  };
  const { code, out } = await against({ dispatch }, ["invoke", "acme/hello", "greet", "name=x"], {
    onStdout,
  });
  expect({ code, out }).toEqual({ code: 0, out: "one two\n" });
});

test("invoke --raw prints every item as the daemon sent it", async () => {
  const body =
    'data: {"code":0,"message":"success","data":{"type":"json","message":{"json_object":{"n":12345678901234567890}},"meta":null}}\n\n';
  const { out } = await against({ dispatch: () => new Response(body) }, [
    "invoke",
    "acme/hello",
    "greet",
    "name=x",
    "--raw",
  ]);
  expect(out).toBe('{"type":"json","message":{"json_object":{"n":12345678901234567890}},"meta":null}\n');
});

test("invoke ends with 1 and the plugin's own words when the plugin fails, after what came before", async () => {
  const inner = JSON.stringify({
    args: { traceback: "Traceback: line 7" },
    error_type: "InvokeRateLimitError",
    message: "quota",
  });
  const items = [text("half"), failure(-500, "PluginInvokeError", inner)];
  const argv = ["invoke", "acme/hello", "greet", "name=x"];
  const plain = await against(answers(...items), argv);
  expect({ ...plain, daemon: 0 }).toEqual({
    code: 1,
    out: "half\n",
    err: "Error: InvokeRateLimitError: quota\n",
    daemon: 0,
  });
  expect((await against(answers(...items), [...argv, "--debug"])).err).toContain("Traceback: line 7");
});

test("invoke says what can be called when the name is wrong", async () => {
  const wrong = await against({}, ["invoke", "acme/hello", "greeet"]);
  expect(wrong).toMatchObject({
    code: 1,
    err: 'Error: Plugin "acme/hello" has no tool "greeet"\nHint: It has: greet\n',
  });
  const missing = await against({ installed: [] }, ["invoke", "acme/x", "greet"]);
  expect(missing.err).toContain('Cannot invoke "acme/x": it is not installed');
  const model = await against({ installed: [installation({ declaration: { model: {} } })] }, [
    "invoke",
    "acme/hello",
    "x",
  ]);
  expect(model.err).toContain("it has no tools");
});

test("invoke sends undeclared parameters and says so", async () => {
  const { code, err } = await against(answers(), ["invoke", "acme/hello", "greet", "name=x", "nmae=y"]);
  expect(code).toBe(0);
  expect(err).toBe('Tool "greet" does not declare nmae; sent all the same\n');
});

test("Ctrl-C during invoke hangs up and ends with 130", async () => {
  const gone = Promise.withResolvers<void>();
  const dispatch = (request: Request) => {
    request.signal.addEventListener("abort", () => gone.resolve());
    return new Response(
      new ReadableStream<string>({
        start: (controller) => controller.enqueue(sse(text("one "))),
      }).pipeThrough(new TextEncoderStream()),
    );
  };
  await using daemon = standInDaemon({ dispatch });
  const interrupt = new AbortController();
  const ran = await plugd(["invoke", "acme/hello", "greet", "name=x", "--url", daemon.url], {
    signal: interrupt.signal,
    onStdout: () => interrupt.abort(),
  });
  expect(ran).toEqual({ code: 130, out: "one \n", err: "Interrupted\n" });
  await gone.promise;
});

test("a daemon that dies in the middle of an answer is told", async () => {
  const dispatch = () =>
    new Response(
      new ReadableStream<string>({
        start: (controller) => controller.enqueue(sse(text("one "))),
      }).pipeThrough(new TextEncoderStream()),
    );
  await using daemon = standInDaemon({ dispatch });
  let ended: PromiseLike<void> | undefined;
  const { code, out, err } = await plugd(["invoke", "acme/hello", "greet", "name=x", "--url", daemon.url], {
    onStdout: () => {
      ended ??= daemon[Symbol.asyncDispose]();
    },
  });
  await ended;
  expect(code).toBe(1);
  expect(out).toBe("one \n");
  expect(err).toContain("broke the answer off");
});
