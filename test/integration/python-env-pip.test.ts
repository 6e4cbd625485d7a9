import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { readRecord } from "../../src/runtime/local/python/environments.ts";
import { loadPlugin } from "../fixtures/plugins/load-plugin.ts";
import { type Bench, createBench, findPython, greet, temporaryFolder } from "./python-env-support.ts";

setDefaultTimeout(180_000);

const python = (await findPython(12)) ?? (await findPython(13));
/** A Python that has uv as a module would use it. */
const hasUv =
  python !== undefined && Bun.spawnSync([python, "-c", "import uv"], { stderr: "ignore" }).exitCode === 0;
const fixtures = join(import.meta.dir, "../fixtures/plugins");

describe.skipIf(python === undefined || hasUv)("Provisioner.prepare() with venv and pip", () => {
  let root: string;
  let bench: Bench;

  beforeAll(() => {
    root = temporaryFolder();
    // No uv: the PATH has none, and only this interpreter is asked.
    bench = createBench(root, {
      interpreterPath: python,
      hostEnv: { ...process.env, PATH: "/usr/bin:/bin" },
    });
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const recordOf = (plan: { argv: readonly string[] }) => {
    const key = basename(dirname(dirname(plan.argv[0]!)));
    return readRecord(join(root, "envs", `${key}.json`));
  };

  test("makes a plugin with the SDK ready", async () => {
    const plan = await bench.prepare("first", loadPlugin("hello"));
    expect(await greet(plan)).toHaveLength(2);
    const record = await recordOf(plan);
    expect(record?.installer).toBe("pip");
    expect(record?.distributions).toContainEqual({ name: "dify-plugin", version: "0.10.2", source: "" });
    // The environment has what the plugin asked for, and no pip.
    expect(existsSync(join(dirname(plan.argv[0]), "pip"))).toBe(false);
  });

  test("does no work for a second plugin with the same text", async () => {
    bench.reports.length = 0;
    const plan = await bench.prepare("second", loadPlugin("hello"));
    expect(plan.argv).toEqual((await bench.prepare("first", [])).argv);
    expect(bench.reports.some(([, line]) => line.startsWith("Installing"))).toBe(false);
  });

  test("installs exactly what a lock names", async () => {
    const files = {
      "requirements.txt": null,
      "pyproject.toml": readFileSync(join(fixtures, "locked/pyproject.toml"), "utf8"),
      "uv.lock": readFileSync(join(fixtures, "locked/uv.lock"), "utf8"),
    };
    const plan = await bench.prepare("locked", loadPlugin("hello", files));
    const locked = new Set(
      [...files["uv.lock"].matchAll(/^name = "(.+)"\nversion = "(.+)"$/gm)].map((m) => `${m[1]}==${m[2]}`),
    );
    const record = await recordOf(plan);
    expect(record?.distributions.length).toBeGreaterThan(20);
    expect(record?.distributions.filter((one) => !locked.has(`${one.name}==${one.version}`))).toEqual([]);
    expect(await greet(plan)).toHaveLength(2);
  });

  test("reads a pyproject.toml, and looks a lock up anew that only uv can read", async () => {
    const plan = await bench.prepare("conflicts", loadPlugin("conflicts"));
    expect((await recordOf(plan))?.distributions.map(({ name }) => name)).toEqual(["six"]);
    expect(bench.warnings).toContainEqual({
      message: expect.stringContaining("needs uv"),
      attributes: expect.anything(),
    });
  });

  test("says what the index does not have", async () => {
    const attempt = bench.prepare(
      "none",
      loadPlugin("hello", { "requirements.txt": "dify_plugin==999.0.0\n" }),
    );
    const error: unknown = await attempt.catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: "unavailable",
      hint: expect.stringContaining("does not have what the package asks for"),
    });
    expect(String(error)).toContain("failed to install dependencies: exit status 1, output: ");
  });
});
