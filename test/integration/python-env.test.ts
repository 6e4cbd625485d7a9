import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { isNetworkFailure } from "../../src/runtime/local/tool-failure.ts";
import { readRecord } from "../../src/runtime/local/python/environments.ts";
import { loadPlugin } from "../fixtures/plugins/load-plugin.ts";
import {
  type Bench,
  CACHE,
  callsOf,
  clearCalls,
  createBench,
  findPython,
  findUv,
  greet,
  identify,
  temporaryFolder,
  writeProgram,
} from "./python-env-support.ts";

setDefaultTimeout(120_000);

const uv = await findUv();
const python313 = await findPython(13);
const locked = readFileSync(join(import.meta.dir, "../fixtures/plugins/locked/uv.lock"), "utf8");
const project = readFileSync(join(import.meta.dir, "../fixtures/plugins/locked/pyproject.toml"), "utf8");
/** How fast "no work at all" is on a machine that others use too. */
const NO_WORK_MS = 3000;

describe.skipIf(uv === undefined)("Provisioner.prepare() with uv", () => {
  let root: string;
  /** The real uv, with its calls noted. */
  let counted: string;
  let bench: Bench;

  beforeAll(() => {
    root = temporaryFolder();
    counted = writeProgram(join(root, "uv"), `exec "${uv}" "$@"`);
    bench = createBench(root, { uvPath: counted });
  });
  afterEach(() => {
    clearCalls(counted);
    bench.reports.length = 0;
    bench.warnings.length = 0;
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const keyOf = (plan: { argv: readonly string[] }) => basename(dirname(dirname(plan.argv[0]!)));

  test("makes a plugin with requirements.txt ready, whatever its .python-version says", async () => {
    const plan = await bench.prepare("first", loadPlugin("hello", { ".python-version": "3.6\n" }));
    expect(plan.argv.slice(1)).toEqual(["-m", "main"]);
    expect(plan.cwd).toBe(join(root, "cwd/plugd-test", `first-0.0.1@${identify("first").checksum}`));
    expect(plan.env["INSTALL_METHOD"]).toBe("local");
    expect(plan.env["PATH"]).toStartWith(`${dirname(plan.argv[0])}:`);
    expect(await greet(plan)).toEqual(["Hello you", expect.stringMatching(/^from Python 3\.1[2-9]$/)]);
    expect([...new Set(bench.reports.map(([stage]) => stage))]).toEqual([
      "unpack",
      "environment",
      "dependencies",
      "compile",
    ]);
    expect(existsSync(join(plan.cwd, "__pycache__"))).toBe(true);
    const steps = [
      "check_venv",
      "detect_dependency_file",
      "prepare_uv",
      "create_venv",
      "install_deps",
      "precompile",
    ];
    expect(bench.steps).toEqual([
      ...steps.map((step) => ["python.init_env", `python.${step}`]),
      ["python.init_env"],
    ]);
    const record = await readRecord(join(root, "envs", `${keyOf(plan)}.json`));
    expect(record?.installer).toBe("uv");
    expect(record?.distributions).toContainEqual({ name: "dify-plugin", version: "0.10.2", source: "" });
  });

  test("does no dependency work for a second plugin with the same text", async () => {
    const first = await bench.prepare("first", []);
    const started = performance.now();
    const second = await bench.prepare("second", loadPlugin("hello"));
    expect(performance.now() - started).toBeLessThan(NO_WORK_MS);
    expect(callsOf(counted)).toEqual([]);
    expect(second.argv).toEqual(first.argv);
    expect(second.cwd).not.toBe(first.cwd);
  });

  test("only looks at what an earlier daemon prepared", async () => {
    const again = bench.restarted();
    const plan = await again.prepare("first", []);
    expect(plan.argv).toEqual((await bench.prepare("second", [])).argv);
    expect(callsOf(counted)).toEqual([]);
    expect(again.reports.map(([stage]) => stage)).toEqual(["unpack", "environment"]);
    expect(again.steps).toEqual([["python.init_env", "python.check_venv"], ["python.init_env"]]);
  });

  test("installs the same text again without network", async () => {
    const offline = bench.restarted({
      uvPath: writeProgram(join(root, "no-uv"), 'case "$1" in --version) echo uv 1.0;; *) exit 1;; esac'),
    });
    expect(keyOf(await offline.prepare("third", loadPlugin("hello")))).toBe(
      keyOf(await bench.prepare("first", [])),
    );
  });

  test("builds an environment anew whose Python is gone", async () => {
    const { argv } = await bench.prepare("first", []);
    rmSync(argv[0]);
    symlinkSync("/no/such/python", argv[0]);
    const plan = await bench.prepare("first", []);
    expect(plan.argv).toEqual(argv);
    expect(await greet(plan)).toHaveLength(2);
  });

  test("never uses an environment without its record", async () => {
    const { argv } = await bench.prepare("first", []);
    const folder = dirname(dirname(argv[0]));
    rmSync(`${folder}.json`);
    rmSync(join(folder, "lib"), { recursive: true });
    writeFileSync(join(folder, "half-built"), "");
    await bench.prepare("first", []);
    expect(existsSync(join(folder, "half-built"))).toBe(false);
    expect(existsSync(join(folder, "lib"))).toBe(true);
    expect(callsOf(counted).map((call) => call.split(" ", 2).join(" "))).toEqual([
      `venv ${folder}`,
      "pip install",
    ]);
  });

  test("shares the work between plugins that are prepared at once", async () => {
    const requirements = { "requirements.txt": "idna==3.10\n" };
    const plans = await Promise.all(
      ["a", "b", "c"].map((name) => bench.prepare(name, loadPlugin("hello", requirements))),
    );
    expect(new Set(plans.map(keyOf)).size).toBe(1);
    expect(callsOf(counted).filter((call) => call.startsWith("pip install"))).toHaveLength(1);
    expect(bench.reports).toContainEqual([
      "dependencies",
      "Waiting for another installation of the same dependencies",
    ]);
  });

  test("needs no tool but uv venv for a plugin without dependencies", async () => {
    const files = [
      { path: "main.py", bytes: new Uint8Array() },
      { path: "requirements.txt", bytes: new Uint8Array() },
    ];
    await bench.prepare("empty", files);
    expect(callsOf(counted).map((call) => call.split(" ")[0])).toEqual(["venv"]);
  });

  describe("and a lock", () => {
    const withLock = (name: string) => ({
      "requirements.txt": "this-must-not-be-read==1\n",
      "pyproject.toml": project.replace("plugd-test-locked", name),
      "uv.lock": locked.replace("plugd-test-locked", name),
    });

    test("installs exactly what uv sync --frozen installs", async () => {
      const plan = await bench.prepare("locked", loadPlugin("hello", withLock("one")));
      expect(await greet(plan)).toHaveLength(2);
      const target = join(root, "synced");
      const { path } = (await readRecord(join(root, "envs", `${keyOf(plan)}.json`)))!.interpreter;
      const synced = Bun.spawnSync(
        [uv!, "sync", "--frozen", "--no-dev", "--no-install-project", "--python", path],
        {
          cwd: plan.cwd,
          env: {
            ...process.env,
            UV_PROJECT_ENVIRONMENT: target,
            UV_CACHE_DIR: join(CACHE, "uv"),
            UV_PYTHON_DOWNLOADS: "never",
          },
        },
      );
      expect([synced.exitCode, synced.stderr.toString()]).toEqual([0, expect.any(String)]);
      const list = (python: string) =>
        Bun.spawnSync([uv!, "pip", "list", "--format", "json", "--python", python], {
          env: process.env,
        }).stdout.toString();
      expect(JSON.parse(list(plan.argv[0]))).toEqual(JSON.parse(list(join(target, "bin/python"))));
    });

    test("does no dependency work for another plugin with the same locked set, also with a mirror", async () => {
      const mirrored = bench.restarted({ mirrorUrl: "https://pypi.org/simple" });
      await mirrored.prepare("locked", []);
      await mirrored.prepare("warm", loadPlugin("hello", withLock("warm")));
      clearCalls(counted);
      const started = performance.now();
      const plan = await mirrored.prepare("locked-too", loadPlugin("hello", withLock("two")));
      expect(performance.now() - started).toBeLessThan(NO_WORK_MS);
      expect(callsOf(counted)).toEqual([]);
      expect(keyOf(plan)).toBe(keyOf(await bench.prepare("locked", [])));
    });

    test("falls back to uv sync where only uv can read it", async () => {
      const plan = await bench.prepare("conflicts", loadPlugin("conflicts"));
      const record = await readRecord(join(root, "envs", `${keyOf(plan)}.json`));
      expect(record?.distributions.map(({ name }) => name)).toEqual(["six"]);
      expect(callsOf(counted).map((call) => call.split(" ")[0])).toEqual(["venv", "sync"]);
    });

    test("is not read when PLUGIN_IGNORE_UV_LOCK says so", async () => {
      const files = {
        ...withLock("ignored"),
        "pyproject.toml": '[project]\nname = "x"\nversion = "1"\ndependencies = ["idna==3.10"]\n',
      };
      const plan = await bench
        .restarted({ ignoreUvLock: true })
        .prepare("ignored", loadPlugin("hello", files));
      const record = await readRecord(join(root, "envs", `${keyOf(plan)}.json`));
      expect(record?.distributions.map(({ name }) => name)).toEqual(["idna"]);
    });
  });

  describe("and what packages really say", () => {
    async function distributions(
      name: string,
      files: Record<string, string | null>,
      version?: string,
    ): Promise<string[]> {
      const plan = await bench.prepare(
        name,
        loadPlugin("hello", files),
        version === undefined ? {} : { version },
      );
      const record = await readRecord(join(root, "envs", `${keyOf(plan)}.json`));
      return record!.distributions.map((one) => `${one.name}==${one.version}`);
    }

    test("reads a byte order mark, CRLF, comments, included files, extras, options and markers", async () => {
      const text =
        '\uFEFFidna==3.10\r\n# note\r\n-r more/base.txt\r\nhttpx[socks]==0.27.2 ; python_version >= "3.8"\r\ncolorama ; sys_platform == "win32"\r\n';
      const found = await distributions("odd", {
        "requirements.txt": text,
        "more/base.txt": "--extra-index-url https://pypi.org/simple\nsix==1.16.0\n",
      });
      expect(found).toContain("six==1.16.0");
      expect(found.some((one) => one.startsWith("socksio=="))).toBe(true);
      expect(found.some((one) => one.startsWith("colorama"))).toBe(false);
    });

    test("reads a pyproject.toml without a version, and does not build the plugin", async () => {
      const toml =
        '[project]\nname = "x"\ndependencies = ["six==1.16.0"]\n[build-system]\nrequires = ["no-such-build-backend"]\nbuild-backend = "none"\n';
      expect(
        await distributions("versionless", { "pyproject.toml": toml, "requirements.txt": null }),
      ).toEqual(["six==1.16.0"]);
    });

    test("reads requirements.txt where pyproject.toml says nothing about dependencies", async () => {
      const files = {
        "pyproject.toml": "[tool.ruff]\nline-length = 100\n",
        "requirements.txt": "six==1.16.0\n",
      };
      expect(await distributions("linter", files)).toEqual(["six==1.16.0"]);
    });

    test("takes requirements.txt with a mirror, pyproject.toml without", async () => {
      const files = {
        "pyproject.toml": '[project]\nname = "x"\nversion = "1"\ndependencies = ["idna==3.10"]\n',
        "requirements.txt": "six==1.16.0\n",
      };
      expect(await distributions("without-mirror", files)).toEqual(["idna==3.10"]);
      const mirrored = bench.restarted({ mirrorUrl: "https://pypi.org/simple" });
      const plan = await mirrored.prepare("with-mirror", loadPlugin("hello", files));
      const record = await readRecord(join(root, "envs", `${keyOf(plan)}.json`));
      expect(record?.distributions.map(({ name }) => name)).toEqual(["six"]);
    });

    test("installs what lies in the package, for that plugin only", async () => {
      const files = {
        "requirements.txt": "./vendored\n",
        "vendored/setup.py":
          "from setuptools import setup\nsetup(name='vendored-thing', version='1.0', py_modules=['vendored_thing'])\n",
        "vendored/vendored_thing.py": "VALUE = 1\n",
      };
      const plans = [
        await bench.prepare("vendor-a", loadPlugin("hello", files)),
        await bench.prepare("vendor-b", loadPlugin("hello", files)),
      ];
      expect(new Set(plans.map(keyOf)).size).toBe(2);
      const said = Bun.spawnSync(
        [plans[0]!.argv[0], "-c", "import vendored_thing; print(vendored_thing.VALUE)"],
        { cwd: "/" },
      );
      expect(said.stdout.toString()).toBe("1\n");
    });

    test("runs a plugin for an SDK of old, with pre-release pins, and says so", async () => {
      const plan = await bench.prepare(
        "beta",
        loadPlugin("hello", { "requirements.txt": "dify_plugin~=0.0.1b70\n" }),
      );
      expect(await greet(plan)).toHaveLength(2);
      expect(bench.warnings).toContainEqual({
        message: expect.stringContaining("old SDK"),
        attributes: { plugin: identify("beta").text, sdk: "0.0.1b77" },
      });
    });

    test("runs a plugin for SDK 0.2", async () => {
      const plan = await bench.prepare(
        "old",
        loadPlugin("hello", { "requirements.txt": "dify_plugin~=0.2.0\n" }),
        { version: "3.11" },
      );
      expect(await greet(plan)).toHaveLength(2);
      expect(bench.warnings).toEqual([]);
    });

    test.skipIf(python313 === undefined)("runs on the Python that the manifest names", async () => {
      const plan = await bench.prepare("newer", loadPlugin("hello"), { version: "3.13" });
      expect(await greet(plan)).toEqual(["Hello you", "from Python 3.13"]);
    });
  });

  test("Provisioner.discard() keeps an environment that another plugin uses, and removes it with the last", async () => {
    const own = createBench(temporaryFolder(), { uvPath: counted });
    try {
      const files = loadPlugin("hello", { "requirements.txt": "six==1.16.0\n" });
      const plan = await own.prepare("a", files);
      await own.prepare("b", files);
      const other = await own.prepare("c", loadPlugin("hello", { "requirements.txt": "" }));
      const path = join(own.settings.envsPath, keyOf(plan));
      mkdirSync(join(own.settings.envsPath, "0".repeat(32)));
      await own.provisioner.discard(identify("a"));
      expect([existsSync(plan.cwd), existsSync(path)]).toEqual([false, true]);
      expect(existsSync(join(own.settings.envsPath, "0".repeat(32)))).toBe(false);
      await own.provisioner.discard(identify("b"));
      expect([existsSync(path), existsSync(`${path}.json`)]).toEqual([false, false]);
      expect(existsSync(other.argv[0])).toBe(true);
      await own.provisioner.discard(identify("never-there"));
      expect(readdirSync(join(own.settings.workingPath, "plugd-test"))).toHaveLength(1);
    } finally {
      rmSync(own.root, { recursive: true, force: true });
    }
  });
});

test("isNetworkFailure() tells an index that is down from one that has no such thing", () => {
  expect(isNetworkFailure("error: Request failed\n  cause: tcp connect error")).toBe(true);
  expect(isNetworkFailure("Because x was not found in the package registry")).toBe(false);
});
