import { expect, test } from "bun:test";
import { createReadReadme } from "../../src/service/readme.ts";
import { DaemonError } from "../../src/protocol/daemon-error.ts";
import { fakePluginFiles } from "../support/fake-plugin-package.ts";
import { rejection } from "../support/rejection.ts";
import { install, testStore } from "../unit/store/test-store.ts";
import { type Management, textFile, withManagement, zip } from "./management-support.ts";

const NONE = `gold/none:0.0.1@${"0123456789abcdef".repeat(4)}`;

async function upload(management: Management, readmes: Readonly<Record<string, string>>): Promise<string> {
  const files = Object.entries(readmes).map(([path, text]) => textFile(path, text));
  const { data } = await management.uploadForm(await zip([...(await fakePluginFiles()), ...files]));
  return (data as { unique_identifier: string }).unique_identifier;
}

function readme(management: Management, identifier: string, query = "") {
  return management.get(`/management/fetch/readme?plugin_unique_identifier=${identifier}${query}`);
}

test("readme answers the language that is asked for, else English", () =>
  withManagement(async (management) => {
    const identifier = await upload(management, {
      "README.md": "# Hello ünï\n",
      "readme/README_zh_Hans.md": "你好",
    });
    const english = { content: "# Hello ünï\n", language: "en_US" };
    // Twice: out of the package, then out of the store.
    for (let round = 0; round < 2; round++)
      for (const [query, expected] of [
        ["&language=zh_Hans", { content: "你好", language: "zh_Hans" }],
        ["&language=pt_BR", english],
        ["&language=en_US", english],
        ["&language=", english],
        ["", english],
      ] as const)
        expect(await readme(management, identifier, query)).toMatchObject({
          status: 200,
          code: 0,
          data: expected,
        });
  }));

test("readme is served from the store once it was read", () =>
  withManagement(async (management) => {
    const identifier = await upload(management, { "README.md": "hello" });
    await readme(management, identifier);
    await management.blobs.delete("package", identifier);
    expect((await readme(management, identifier)).data).toEqual({ content: "hello", language: "en_US" });
  }));

test("readme of a package without one, of none, of an empty one, and without an identifier", () =>
  withManagement(async (management) => {
    const failed = "failed to get readme from database: ";
    const without = await upload(management, { "readme/README_zh_Hans.md": "你好" });
    expect(await readme(management, without)).toMatchObject({
      status: 200,
      code: -500,
      error: {
        message: `${failed}open README.md: file does not exist\nen_US readme not found`,
        error_type: "PluginDaemonInternalServerError",
      },
    });
    expect(await readme(management, NONE)).toMatchObject({
      status: 200,
      code: -500,
      error: { message: `${failed}plugin package not found, please upload it firstly` },
    });
    const empty = await upload(management, { "README.md": "" });
    for (let round = 0; round < 2; round++)
      expect(await readme(management, empty)).toMatchObject({
        status: 200,
        code: -404,
        error: {
          message: "no readme content available for this plugin",
          error_type: "PluginDaemonNotFoundError",
        },
      });
    for (const identifier of ["", "nonsense"])
      expect((await readme(management, identifier)).status).toBe(400);
  }));

test("createReadReadme() opens a package once, however many ask at the same time", async () => {
  const { store } = testStore();
  const { identifier } = await install(store, "t1", "acme/a");
  let opened = 0;
  const read = createReadReadme({
    readmes: store.readmes,
    packages: {
      async files() {
        opened++;
        await Bun.sleep(0);
        return [textFile("README.md", "hello")];
      },
    },
  });
  const answers = await Promise.all(
    ["en_US", "zh_Hans", "en_US"].map((language) => read(identifier, language)),
  );
  expect(answers).toEqual(answers.map(() => ({ content: "hello", language: "en_US" })));
  expect(opened).toBe(1);
});

test("createReadReadme() does not dress up a failure that it does not know", async () => {
  const { store } = testStore();
  const failing = (cause: Error) =>
    createReadReadme({ readmes: store.readmes, packages: { files: () => Promise.reject(cause) } });
  expect(String(await rejection(failing(new TypeError("a bug"))(NONE, "en_US")))).toBe("TypeError: a bug");
  const known = failing(new DaemonError("bad_request", "difypkg: not a valid difypkg file"));
  expect(await rejection(known(NONE, "en_US"))).toMatchObject({
    code: "internal",
    message: "failed to get readme from database: difypkg: not a valid difypkg file",
  });
});
