import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { fakePluginFiles } from "../support/fake-plugin-package.ts";
import { packZip, textEntries, TINY, tinyPackage, type ZipEntry } from "../support/pack.ts";

setDefaultTimeout(30_000);

const MAX_PACKAGE_BYTES = 1024 * 1024;
const BAD_FIXTURES = join(import.meta.dir, "../fixtures/package/bad");

let daemon: LocalDaemon;

beforeAll(async () => {
  daemon = await startTestDaemon({ env: { MAX_PLUGIN_PACKAGE_SIZE: String(MAX_PACKAGE_BYTES) } });
});
afterAll(() => daemon[Symbol.asyncDispose]());

/** Every file of packages and icons, temporary ones included. */
function storedFiles(): Promise<string[]> {
  const root = join(daemon.dataDir, "storage");
  // The folder is made with the first file.
  return existsSync(root)
    ? Array.fromAsync(new Bun.Glob("**/*").scan({ cwd: root, dot: true }))
    : Promise.resolve([]);
}

function tinyWith(...entries: ZipEntry[]): Uint8Array {
  return packZip([...textEntries(TINY), ...entries]);
}

describe("an upload is refused with -400 and leaves nothing", () => {
  const zeros = new Uint8Array(2 * MAX_PACKAGE_BYTES);
  const hostile: readonly (readonly [string, Uint8Array, string])[] = [
    ["a text", Buffer.from("this is no archive"), "not a valid difypkg file"],
    ["a file of no bytes", new Uint8Array(0), "not a valid difypkg file"],
    ["the first half of a package", tinyPackage().slice(0, 700), "not a valid difypkg file"],
    ["a package without its last byte", tinyPackage().slice(0, -1), "not a valid difypkg file"],
    ["a name that climbs", tinyWith({ name: "../escaped.txt", data: "x" }), "../escaped.txt"],
    ["a name that climbs inside", tinyWith({ name: "a/../../escaped.txt", data: "x" }), "escaped.txt"],
    ["an absolute name", tinyWith({ name: "/etc/escaped.txt", data: "x" }), "/etc/escaped.txt"],
    ["a name with backslashes", tinyWith({ name: "..\\escaped.txt", data: "x" }), "escaped.txt"],
    [
      "a link",
      tinyWith({ name: "passwd", data: "/etc/passwd", mode: 0o120777 }),
      "links and special files are not allowed",
    ],
    ["a device", tinyWith({ name: "null", mode: 0o020666 }), "links and special files are not allowed"],
    ["a file below a file", tinyWith({ name: "README.md/x", data: "x" }), "README.md is a file"],
    ["a bomb", tinyWith({ name: "zeros", data: zeros }), "uncompressed size"],
    ["a bomb that lies", tinyWith({ name: "zeros", data: zeros, size: 10 }), "zeros"],
    ["a package over the limit", new Uint8Array(MAX_PACKAGE_BYTES + 1), "exceeds the maximum limit"],
    ["no manifest", packZip([{ name: "README.md", data: "hi" }]), "manifest.yaml"],
    ["a manifest that is no YAML", tinyPackage({ "manifest.yaml": "a: [" }), "line 1"],
    ["a manifest that is a list", tinyPackage({ "manifest.yaml": "- a\n" }), "PluginDeclaration"],
    ["a provider that is no YAML", tinyPackage({ "p.yaml": "identity: {" }), "p.yaml"],
    ["a tool that is no YAML", tinyPackage({ "t.yaml": "identity: [" }), "t.yaml"],
    ["a missing tool", packZip(textEntries(TINY).filter(({ name }) => name !== "t.yaml")), "t.yaml"],
    ["a missing icon", packZip(textEntries(TINY).filter(({ name }) => name !== "_assets/i.svg")), "i.svg"],
  ];

  test.each(hostile)("%s", async (_, bytes, words) => {
    const { status, code, data, failure } = await daemon.api.upload(bytes);
    expect({ status, code, data, type: failure?.error_type }).toEqual({
      status: 200,
      code: -400,
      data: null,
      type: "PluginDaemonBadRequestError",
    });
    expect(failure?.message).toContain(words);
    expect(await storedFiles()).toEqual([]);
  });

  test("every package that the reference refuses", async () => {
    const names = await readdir(BAD_FIXTURES);
    expect(names.length).toBeGreaterThan(20);
    const answers = await Promise.all(
      names.map(async (name) => daemon.api.upload(await Bun.file(join(BAD_FIXTURES, name)).bytes())),
    );
    expect(names.filter((_, at) => answers[at]?.code !== -400)).toEqual([]);
    expect(await storedFiles()).toEqual([]);
  });

  test("a body that ends in the middle of the file", async () => {
    const body = 'x\r\n--b\r\nContent-Disposition: form-data; name="dify_pkg"; filename="p"\r\n\r\nPK';
    const response = await daemon.api.request("/plugin/t/management/install/upload/package", {
      method: "POST",
      headers: { "content-type": "multipart/form-data; boundary=b" },
      body,
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ code: -400 });
    expect(await storedFiles()).toEqual([]);
  });
});

describe("a task fails with a text that says what to do, and nothing stands in the way of the next", () => {
  /** Installs a package of which some files are replaced; answers the last message. */
  async function failedMessage(name: string, changed: Readonly<Record<string, string>>): Promise<string> {
    const identifier = await daemon.api.uploaded({ name }, changed);
    const task = await daemon.api.finished(await daemon.api.startInstall(identifier));
    expect(task.plugins.map(({ status }) => status)).toEqual(["failed"]);
    expect((await daemon.api.installations()).map((row) => row.plugin_id)).not.toContain(`tests/${name}`);
    return task.plugins[0]?.message ?? "";
  }

  async function manifest(name: string, change: (text: string) => string): Promise<Record<string, string>> {
    const files = await fakePluginFiles({ name });
    const text = new TextDecoder().decode(files.find(({ path }) => path === "manifest.yaml")?.bytes);
    return { "manifest.yaml": change(text) };
  }

  test("unknown language", async () => {
    const changed = await manifest("cobol", (text) =>
      text.replace("language: typescript", "language: cobol"),
    );
    const message = await failedMessage("cobol", changed);
    expect(message).toBe(
      "unsupported language: cobol\nPlugins may be written in python, typescript, javascript, or bring a program (meta.runner.command)",
    );
    // The same version, put right, is another package: it installs.
    const { pluginId } = await daemon.api.install({ name: "cobol" });
    expect((await daemon.api.call(pluginId, { text: "hi" })).items).toHaveLength(1);
  });

  test("an entry point that is not there", async () => {
    const changed = await manifest("lost", (text) => text.replace("entrypoint: main.ts", "entrypoint: gone"));
    const message = await failedMessage("lost", changed);
    expect(message).toContain('Cannot find the plugin\'s entry point "gone"');
    expect(message).toContain("Set meta.runner.entrypoint");
  });

  test("the same failed package can be tried again", async () => {
    const changed = await manifest("again", (text) =>
      text.replace("language: typescript", "language: cobol"),
    );
    const first = await failedMessage("again", changed);
    expect(await failedMessage("again", changed)).toBe(first);
  });
});
