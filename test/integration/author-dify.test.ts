import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { VERSION } from "../../src/lib/version.ts";
import { author, type Ran, temporaryFolder } from "./author-support.ts";

const MAIN = join(import.meta.dir, "../../src/main.ts");

/** The program under another name, as a link or a renamed file is started. */
async function runAs(name: string, argv: readonly string[]): Promise<Ran> {
  const child = Bun.spawn([process.execPath, MAIN, ...argv], {
    argv0: name,
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"] },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, out, err };
}

describe.each(["dify", "dify-plugin", "dify-plugin-linux-amd64"])("the program named %s", (name) => {
  test("tells its version as the SDK's test runner reads it", async () => {
    expect(await runAs(name, ["version"])).toEqual({ code: 0, out: `v${VERSION}\n`, err: "" });
  });

  test("has what plugin authors use, and nothing else", async () => {
    const { code, out } = await runAs(name, ["--help"]);
    expect(code).toBe(0);
    expect(out).toStartWith(`Usage: ${name} [options] [command]\n`);
    const commands = out.slice(out.indexOf("Commands:")).matchAll(/^ {2}([a-z-]+)/gm);
    expect([...commands].map(([, command]) => command)).toEqual([
      "bundle",
      "plugin",
      "signature",
      "version",
      "help",
    ]);
  });
});

describe("as dify", () => {
  const dify = async (...argv: string[]) => {
    using folder = temporaryFolder();
    return author(argv, { cwd: folder.path, personality: "dify" });
  };

  test.each([
    [["--config", "x.yaml", "version"]],
    [["version", "--config", "x.yaml"]],
    [["version", "--config=x.yaml"]],
  ])("%j answers as without a configuration", async (argv) => {
    expect(await dify(...argv)).toEqual({ code: 0, out: `v${VERSION}\n`, err: "" });
  });

  test.each([
    [["help"], "Usage: dify [options] [command]"],
    [["help", "plugin"], "Usage: dify plugin [options] [command]"],
    [["plugin", "help", "package"], "Usage: dify plugin package [options] <dir>"],
    [["plugin", "package", "--help"], "Usage: dify plugin package [options] <dir>"],
  ])("%j shows help", async (argv, usage) => {
    const { code, out } = await dify(...argv);
    expect([code, out.split("\n", 1)[0]]).toEqual([0, usage]);
  });

  test("a folder may be named help", async () => {
    expect((await dify("plugin", "package", "help")).err).toContain("there is no such file or folder");
  });

  test.each([[["start"]], [["install", "x"]], [["plugin", "nonsense"]], [[]]])(
    "%j is a usage error",
    async (argv) => {
      const { code, out, err } = await dify(...argv);
      expect([code, out]).toEqual([2, ""]);
      expect(err).toContain("Usage: dify");
    },
  );
});
