import { expect, test } from "bun:test";
import { manifest } from "../../../src/package/declaration/manifest.ts";
import { decodeYaml } from "../../../src/package/yaml/decode.ts";
import { manifestProblems } from "../../../src/package/declaration/manifest-problems.ts";
import { TINY } from "../../support/pack.ts";

const GOOD = TINY["manifest.yaml"] ?? "";

function problemsOf(text: string): string[] {
  return manifestProblems(decodeYaml(new TextEncoder().encode(text), manifest));
}

test("manifestProblems() finds nothing in the smallest valid manifest", () => {
  expect(problemsOf(GOOD)).toEqual([]);
});

test("manifestProblems() lists everything that an empty manifest lacks", () => {
  expect(problemsOf("{}")).toEqual([
    "version: is missing",
    'type: must be "plugin", not ""',
    "name: is missing",
    "label.en_US: is missing",
    "description.en_US: is missing",
    "icon: is missing",
    "resource.memory: is missing",
    "meta.version: is missing",
    "meta.arch: is missing",
    "meta.runner.language: is missing",
    "meta.runner.version: is missing",
    "meta.runner.entrypoint: is missing",
    "created_at: is missing",
  ]);
});

test.each(["1.0.0", "01.0.0", "1.0.0-beta", "9999.0.0-abcdefghijklmnop"])(
  "manifestProblems() takes the version %s (contract/plugin-package 11.7)",
  (version) => {
    expect(problemsOf(GOOD.replace("version: 0.0.1", `version: ${version}`))).toEqual([]);
  },
);

test.each(["1.0", "1.0.0.0", "1.0.0-beta.1", "v1.0.0", "10000.0.0", "1.0.0-abcdefghijklmnopq"])(
  "manifestProblems() refuses the version %s (contract/plugin-package 11.7)",
  (version) => {
    expect(problemsOf(GOOD.replace("version: 0.0.1", `version: ${version}`))).toEqual([
      `version: must be three numbers such as "0.0.1", with a suffix such as "-beta" if you want, not "${version}"`,
    ]);
  },
);

test.each([
  ["tags: [search, fun]", 'tags: "fun" is not one of search, image'],
  ["icon_dark: " + "x".repeat(129), "icon_dark: has 129 characters, more than 128"],
  ["repo: example.com/x", 'repo: must be a URL, not "example.com/x"'],
  ["repo: 'https:///x'", 'repo: must be a URL, not "https:///x"'],
])("manifestProblems() on %s", (line, expected) => {
  const [problem = "", ...more] = problemsOf(`${GOOD}${line}\n`);
  expect(problem.startsWith(expected)).toBe(true);
  expect(more).toEqual([]);
});

test.each(["https://example.com/x", "mailto:someone", "x:#fragment", "git+ssh://host"])(
  "manifestProblems() takes the repository %s",
  (repo) => {
    expect(problemsOf(`${GOOD}repo: "${repo}"\n`)).toEqual([]);
  },
);

test("manifestProblems() looks at the size of storage also where storage is off", () => {
  const permission = (size: number) =>
    GOOD.replace("{memory: 1}", `{memory: 1, permission: {storage: {enabled: false, size: ${size}}}}`);
  for (const size of [1024, 1024 ** 3]) expect(problemsOf(permission(size))).toEqual([]);
  for (const size of [0, 1023, 1024 ** 3 + 1])
    expect(problemsOf(permission(size))).toEqual([
      `resource.permission.storage.size: must be between 1024 and 1073741824 bytes, not ${size}`,
    ]);
});

test("manifestProblems() refuses an empty text of a language and counts characters, not bytes", () => {
  expect(problemsOf(GOOD.replace("label: {en_US: x}", `label: {en_US: ${"é".repeat(1023)}}`))).toEqual([]);
  expect(problemsOf(GOOD.replace("label: {en_US: x}", `label: {en_US: ${"é".repeat(1024)}}`))).toEqual([
    "label.en_US: has 1024 characters, more than 1023",
  ]);
});

test("manifestProblems() names every architecture that is unknown, and takes an empty list", () => {
  expect(problemsOf(GOOD.replace("arch: [amd64]", "arch: [amd64, x86]"))).toEqual([
    'meta.arch: "x86" is not one of amd64, arm64',
  ]);
  expect(problemsOf(GOOD.replace("arch: [amd64]", "arch: []"))).toEqual([]);
});

test("manifestProblems() lets a plugin with a program be written in anything, and says what is wrong with the runner", () => {
  const withRunner = (runner: object) =>
    problemsOf(GOOD.replace(/runner: \{.*?\}/, () => `runner: ${JSON.stringify(runner)}`));
  expect(withRunner({ language: "go", protocol: "plain", command: ["./plugin"] })).toEqual([]);
  expect(withRunner({ language: "go", protocol: "plain" })).toContain(
    'meta.runner.language: "go" is not one of python, typescript, javascript',
  );
  expect(withRunner({ language: "go", command: ["./p"], heartbeat: "no" })).toEqual([
    'meta.runner: meta.runner.heartbeat is "no": it must be true or false',
  ]);
});
