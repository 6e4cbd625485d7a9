import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DaemonError } from "../../src/protocol/daemon-error.ts";
import { loadPlugin } from "../fixtures/plugins/load-plugin.ts";
import {
  type Bench,
  callsOf,
  createBench,
  findPython,
  findUv,
  type PrepareOptions,
  temporaryFolder,
  writeProgram,
} from "./python-env-support.ts";

setDefaultTimeout(120_000);

const uv = await findUv();
const python312 = await findPython(12);
const python = python312 ?? (await findPython(13));

let root: string;
beforeEach(() => {
  root = temporaryFolder();
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function failure(
  bench: Bench,
  requirements: string | null,
  options: PrepareOptions = {},
): Promise<DaemonError> {
  const outcome: unknown = await bench
    .prepare("failing", loadPlugin("hello", { "requirements.txt": requirements }), options)
    .catch((error: unknown) => error);
  if (!(outcome instanceof DaemonError)) throw new Error("It did not fail as it should", { cause: outcome });
  return outcome;
}

/** Folders of environments, complete or not. */
function environments(bench: Bench): string[] {
  const names = existsSync(bench.settings.envsPath) ? readdirSync(bench.settings.envsPath) : [];
  return names.filter((name) => /^[0-9a-f]{32}/.test(name));
}

/** Does what uv does with an environment, slowly: the installation waits until somebody ends it. */
function slowUv(): string {
  const script = `case "$1 $2" in
"--version ") echo "uv 1.0.0" ;;
"pip compile") echo "six==1.16.0" ;;
venv*) mkdir -p "$2/bin" && ln -s "${python}" "$2/bin/python" ;;
"pip install") echo "Downloading six" >&2; echo $$ > "${root}/installing"; exec sleep 60 ;;
esac`;
  return writeProgram(join(root, "slow-uv"), script);
}

test("Provisioner.prepare() refuses a language that nobody serves", async () => {
  const error = await failure(createBench(root), "", { language: "cobol" });
  expect(error).toMatchObject({ code: "bad_request", message: "unsupported language: cobol" });
});

test("Provisioner.prepare() refuses a package without any dependency file", async () => {
  const error = await failure(createBench(root), null);
  expect(error.code).toBe("bad_request");
  expect(error.message).toEndWith("neither pyproject.toml nor requirements.txt found in plugin directory");
});

describe.skipIf(uv === undefined || python === undefined)("Provisioner.prepare() with uv", () => {
  const real = () => createBench(root, { uvPath: uv });

  for (const requirement of ["dify_plugin==999.0.0", "plugd-no-such-distribution-at-all==1.0"])
    test(`says that the index does not have ${requirement}`, async () => {
      const bench = real();
      const error = await failure(bench, requirement);
      expect(error.code).toBe("unavailable");
      expect(error.message).toStartWith("failed to install dependencies: exit status 1, output: ");
      expect(error.message).toContain(requirement.split("==")[0]!.replaceAll("_", "-"));
      expect(error.hint).toContain("does not have what the package asks for");
      expect(environments(bench)).toEqual([]);
    });

  test("does not install a file that has another hash than requirements.txt gives", async () => {
    const error = await failure(real(), `idna==3.10 \\\n  --hash=sha256:${"0".repeat(64)}\n`);
    expect(error.message.toLowerCase()).toContain("hash");
  });

  test("shows why a dependency cannot be built", async () => {
    const source = join(root, "source/broken_thing-1.0");
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, "setup.py"), 'raise SystemExit("the broken thing needs libfoo")\n');
    writeFileSync(join(source, "PKG-INFO"), "Metadata-Version: 2.1\nName: broken-thing\nVersion: 1.0\n");
    Bun.spawnSync([
      "tar",
      "-czf",
      join(root, "broken_thing-1.0.tar.gz"),
      "-C",
      join(root, "source"),
      "broken_thing-1.0",
    ]);
    const error = await failure(real(), `--find-links ${root}\nbroken-thing==1.0\n`);
    expect(error.message).toContain("the broken thing needs libfoo");
    expect(error.hint).toContain("could not be built");
  });

  test("says that the network is down, and tries the cache before", async () => {
    const bench = createBench(root, {
      uvPath: writeProgram(join(root, "uv"), `exec "${uv}" "$@"`),
      cachePath: join(root, "cache"),
      // Nothing listens there.
      proxies: { http: "http://127.0.0.1:1", https: "http://127.0.0.1:1", no: undefined },
    });
    const error = await failure(bench, "six==1.16.0");
    expect(error.hint).toContain("cannot be reached");
    expect(callsOf(bench.settings.uvPath!).filter((call) => call.includes("--offline"))).toHaveLength(1);
  });

  test("ends a uv that is silent, with the reference's words", async () => {
    const bench = createBench(root, { uvPath: slowUv(), interpreterPath: python, toolInactivityMs: 500 });
    const error = await failure(bench, "six==1.16.0");
    expect(error.message).toContain("signal: killed, output: Downloading six");
    expect(error.message).toEndWith("init process exited due to no activity for 0.5 seconds");
    expect(error.hint).toContain("PYTHON_ENV_INIT_TIMEOUT");
    expect(environments(bench)).toEqual([]);
  });

  test("stops at an abort, leaves nothing, and works the next time", async () => {
    const bench = createBench(root, { uvPath: slowUv(), interpreterPath: python });
    const abort = new AbortController();
    const attempt = bench.prepare("hello", loadPlugin("hello", { "requirements.txt": "six==1.16.0" }), {
      signal: abort.signal,
    });
    await until(() => bench.reports.some(([, line]) => line === "Downloading six"));
    abort.abort(new Error("stopped"));
    expect(String(await attempt.catch((error: unknown) => error))).toBe("Error: stopped");
    expect(environments(bench)).toEqual([]);
    const plan = await bench.restarted({ uvPath: uv }).prepare("hello", []);
    expect(Bun.spawnSync([plan.argv[0], "-c", "import six"]).exitCode).toBe(0);
  });

  test("builds anew what a kill -9 of the daemon left half-built", async () => {
    const bench = createBench(root, { uvPath: slowUv(), interpreterPath: python });
    const script = `
      import { createBench } from ${JSON.stringify(join(import.meta.dir, "python-env-support.ts"))};
      import { loadPlugin } from ${JSON.stringify(join(import.meta.dir, "../fixtures/plugins/load-plugin.ts"))};
      const bench = createBench(${JSON.stringify(root)}, ${JSON.stringify({ uvPath: bench.settings.uvPath, interpreterPath: python })});
      await bench.prepare("hello", loadPlugin("hello", { "requirements.txt": "six==1.16.0" }));`;
    writeFileSync(join(root, "daemon.ts"), script);
    const daemon = Bun.spawn([process.execPath, join(root, "daemon.ts")], {
      stdout: "ignore",
      stderr: "ignore",
    });
    await until(() => existsSync(join(root, "installing")));
    daemon.kill("SIGKILL");
    await daemon.exited;
    // The tool lives on, for it leads a group of its own; it must not matter, but it should not outlive the test.
    process.kill(Number(await Bun.file(join(root, "installing")).text()), "SIGKILL");
    const [left] = environments(bench);
    expect(environments(bench)).toHaveLength(1);
    const plan = await bench.restarted({ uvPath: uv }).prepare("hello", []);
    expect(plan.argv[0]).toContain(left!);
    expect(Bun.spawnSync([plan.argv[0], "-c", "import six"]).exitCode).toBe(0);
    expect(environments(bench)).toHaveLength(2);
  });

  test("says that the disk is full, and leaves no half-built environment", async () => {
    const mount = join(root, "small");
    mkdirSync(mount);
    if (Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", mount]).exitCode !== 0) return;
    try {
      const bench = createBench(root, { uvPath: uv, envsPath: mount });
      const error = await failure(bench, "idna==3.10");
      expect(error.hint).toContain("disk is full");
      expect(environments(bench)).toEqual([]);
    } finally {
      Bun.spawnSync(["umount", mount]);
    }
  });
});

describe("Provisioner.prepare() with settings that do not work", () => {
  test("says so for UV_PATH", async () => {
    const error = await failure(createBench(root, { uvPath: "/no/such/uv", interpreterPath: python }), "six");
    expect(error.message).toBe('failed to find uv path: "/no/such/uv" does not work');
  });

  test("says so for PYTHON_INTERPRETER_PATH", async () => {
    const error = await failure(createBench(root, { interpreterPath: "/no/such/python" }), "six");
    expect(error.message).toContain("Found: /no/such/python (?): there is no such file");
    expect(error.hint).toContain("PYTHON_INTERPRETER_PATH");
  });
});

describe("Provisioner.prepare() without a Python that will do", () => {
  test("lists what was found and what is needed", async () => {
    const program = writeProgram(join(root, "python3"), "echo broken >&2; exit 1");
    const hostEnv = { PATH: root, HOME: root };
    const error = await failure(createBench(root, { hostEnv }), "dify_plugin>=0.9.0", { version: "3.99" });
    expect(error.code).toBe("unavailable");
    expect(error.message).toContain("the manifest asks for 3.99, its SDK for 3.12 or higher");
    expect(error.message).toContain(`${program} (?): it does not work (broken)`);
    expect(error.hint).toContain("Install Python 3.99");
  });

  test.skipIf(python === undefined)("lets uv fetch one", async () => {
    // Stands in for uv: what it "downloads" is the Python of this machine.
    const target = join(root, "envs/python/cpython-3.13.0-linux-x86_64-gnu/bin");
    const script = `case "$1 $2" in
"--version ") echo "uv 1.0.0" ;;
"python install") echo "$UV_PYTHON_INSTALL_DIR $UV_PYTHON_DOWNLOADS" >&2; /bin/mkdir -p "${target}"; /bin/ln -s "${python}" "${target}/python3" ;;
*) exec "${uv}" "$@" ;;
esac`;
    const fake = writeProgram(join(root, "uv"), script);
    const empty = { PATH: join(root, "empty"), HOME: root };
    const bench = createBench(root, { uvPath: fake, installPython: true, hostEnv: empty });
    const minor = python === python312 ? "3.12" : "3.13";
    const outcome: unknown = await bench
      .prepare("hello", loadPlugin("hello", { "requirements.txt": "" }), { version: minor })
      .catch((error: unknown) => error);
    // A system that has the very version itself needs nothing fetched.
    if (!callsOf(fake).some((call) => call.startsWith("python install"))) return;
    expect(outcome).toMatchObject({ argv: [expect.stringContaining(join(root, "envs")), "-m", "main"] });
    expect(callsOf(fake)).toContain(`python install ${minor}`);
    expect(bench.reports).toContainEqual(["environment", `${join(root, "envs/python")} manual`]);
  });

  test("tells why uv could not fetch one", async () => {
    const script =
      'case "$1" in --version) echo "uv 1.0.0" ;; *) echo "error: no download for you" >&2; exit 2 ;; esac';
    const fake = writeProgram(join(root, "uv"), script);
    const bench = createBench(root, {
      uvPath: fake,
      installPython: true,
      hostEnv: { PATH: root, HOME: root },
    });
    const error = await failure(bench, "", { version: "3.99" });
    expect(error.message).toContain("uv could not fetch one: error: no download for you");
  });
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("It did not happen in time");
    await Bun.sleep(20);
  }
}
