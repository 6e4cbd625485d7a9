import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PackageFile } from "../../src/package/package.ts";
import type { LaunchPlan } from "../../src/runtime/local/prepare.ts";
import { type Bench, createBench, temporaryFolder } from "./python-env-support.ts";

setDefaultTimeout(60_000);

let root: string;
let bench: Bench;
beforeEach(() => {
  root = temporaryFolder();
  bench = createBench(root);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function files(texts: Readonly<Record<string, string>>): PackageFile[] {
  return Object.entries(texts).map(([path, text]) => ({ path, bytes: new TextEncoder().encode(text) }));
}

async function output(plan: LaunchPlan): Promise<string> {
  const child = Bun.spawn([...plan.argv], {
    cwd: plan.cwd,
    env: { ...plan.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, error] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return (out + error).trim();
}

const typescript = { language: "typescript" };
/** A package that lies in the plugin's own, so that no registry is asked. */
const DEPENDENCY = {
  "dep/package.json": '{"name":"dep","version":"1.0.0"}',
  "dep/index.js": 'module.exports = "dep";',
};
const ASKS = {
  "package.json":
    '{"name":"p","dependencies":{"dep":"file:./dep"},"devDependencies":{"dev":"file:./not-packed"}}',
  "main.ts": 'import dep from "dep"; console.log(dep);',
};

describe("Provisioner.prepare() for TypeScript", () => {
  for (const [entry, entrypoint] of [
    ["main.ts", "main"],
    ["main.js", "main"],
    ["main.mjs", "main"],
    ["src/index.ts", "src/index.ts"],
  ] as const)
    test(`finds ${entry} for entrypoint "${entrypoint}"`, async () => {
      const plan = await bench.prepare("p", files({ [entry]: "console.log(process.argv.length)" }), {
        ...typescript,
        entrypoint,
      });
      expect(plan.argv.at(-1)).toBe(join(plan.cwd, entry));
      expect(plan.argv[0]).toBe(process.execPath);
      expect(plan.env["BUN_BE_BUN"]).toBe("1");
      expect(await output(plan)).toBe("2");
    });

  test("refuses an entrypoint that is not there, or outside", async () => {
    writeFileSync(join(root, "outside.ts"), "");
    for (const entrypoint of ["missing", "../../../outside"]) {
      const attempt = bench.prepare("p", files({ "main.ts": "" }), { ...typescript, entrypoint });
      expect(await attempt.catch((error: unknown) => error)).toMatchObject({ code: "bad_request" });
    }
  });

  test("takes no notice of the package's bunfig.toml and .env", async () => {
    const texts = {
      "main.ts": 'console.log(process.env["FROM_FILE"] ?? "clean", process.env["INSTALL_METHOD"])',
      "bunfig.toml": 'preload = ["./preload.ts"]',
      "preload.ts": 'console.log("preloaded")',
      ".env": "FROM_FILE=1\nINSTALL_METHOD=remote\n",
    };
    expect(await output(await bench.prepare("p", files(texts), typescript))).toBe("clean local");
  });

  test("gives the plugin none of the daemon's secrets", async () => {
    const own = createBench(root, {
      hostEnv: { ...process.env, SERVER_KEY: "secret-key", BUN_OPTIONS: "--nonsense" },
    });
    const plan = await own.prepare(
      "p",
      files({ "main.ts": "console.log(JSON.stringify(process.env))" }),
      typescript,
    );
    expect(await output(plan)).not.toContain("secret-key");
    expect(plan.env).not.toHaveProperty("BUN_OPTIONS");
  });

  test("installs the dependencies of production once", async () => {
    const plan = await bench.prepare("p", files({ ...ASKS, ...DEPENDENCY }), typescript);
    expect(await output(plan)).toBe("dep");
    rmSync(join(plan.cwd, "node_modules/dep"), { recursive: true });
    await bench.prepare("p", [], typescript);
    expect(existsSync(join(plan.cwd, "node_modules/dep"))).toBe(false);
  });

  test("installs anew what was half-made", async () => {
    const plan = await bench.prepare("p", files({ ...ASKS, ...DEPENDENCY }), typescript);
    rmSync(join(plan.cwd, "node_modules/dep"), { recursive: true });
    mkdirSync(join(plan.cwd, "node_modules/left-over"), { recursive: true });
    writeFileSync(join(plan.cwd, ".plugd/node-modules.json"), "started");
    expect(await output(await bench.restarted().prepare("p", [], typescript))).toBe("dep");
    expect(existsSync(join(plan.cwd, "node_modules/left-over"))).toBe(false);
  });

  test("uses the node_modules that a package brings", async () => {
    const brought = {
      "node_modules/dep/package.json": '{"name":"dep"}',
      "node_modules/dep/index.js": 'module.exports = "own";',
    };
    const texts = { ...ASKS, "package.json": '{"dependencies":{"dep":"99.0.0"}}', ...brought };
    expect(await output(await bench.prepare("p", files(texts), typescript))).toBe("own");
  });

  test("says why the dependencies cannot be installed, and leaves nothing half-made", async () => {
    const texts = { "main.ts": "", "package.json": '{"dependencies":{"dep":"file:./missing"}}' };
    const error: unknown = await bench
      .prepare("p", files(texts), typescript)
      .catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "unavailable" });
    expect(String(error)).toContain("failed to install dependencies: exit status 1");
    const attempt = bench.prepare("q", files({ "main.ts": "", "package.json": "{" }), typescript);
    expect(await attempt.catch((cause: unknown) => cause)).toMatchObject({ code: "bad_request" });
  });
});
