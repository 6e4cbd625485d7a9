import { describe, expect, test } from "bun:test";
import { compileArguments } from "../../../src/runtime/local/python/compile-plugin.ts";
import {
  environmentKey,
  hasLocalPin,
  parsePins,
  type Pin,
  pinnedText,
  type Resolution,
} from "../../../src/runtime/local/python/distribution.ts";
import type { Interpreter } from "../../../src/runtime/local/python/interpreter.ts";
import { parsePipReport } from "../../../src/runtime/local/python/pip-report.ts";

const PYTHON: Interpreter = {
  path: "/usr/bin/python3.12",
  version: "3.12.1",
  minor: 12,
  platform: "linux-x86_64-glibc",
  markers: {},
  canMakeVenv: true,
  uvPath: undefined,
};

function resolution(pins: readonly Pin[], more: Partial<Resolution> = {}): Resolution {
  return { pins, options: [], scope: undefined, syncOnly: false, ...more };
}

test("parsePins() reads what uv writes, whatever the order", () => {
  const text = "zope-event==6.2\n-e ./pk2\nidna @ https://host/idna-3.10.whl\nDify_Plugin==0.10.2\n";
  expect(
    parsePins(text).map(({ name, version, source, requirement }) => [name, version, source, requirement]),
  ).toEqual([
    ["", "", "./pk2", "-e ./pk2"],
    ["dify-plugin", "0.10.2", "", "Dify_Plugin==0.10.2"],
    ["idna", "", "https://host/idna-3.10.whl", "idna @ https://host/idna-3.10.whl"],
    ["zope-event", "6.2", "", "zope-event==6.2"],
  ]);
});

test("hasLocalPin() sees what lies in the package", () => {
  expect(hasLocalPin(parsePins("a==1\nb @ https://host/b.whl"))).toBe(false);
  expect(hasLocalPin(parsePins("a==1\n./b"))).toBe(true);
});

test("pinnedText() puts options first and hashes behind their requirement", () => {
  const pins = [{ ...parsePins("a==1")[0]!, hashes: ["sha256:aa", "sha256:bb"] }, ...parsePins("b==2")];
  expect(pinnedText(resolution(pins, { options: ["--extra-index-url https://x"] }))).toBe(
    "--extra-index-url https://x\na==1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\nb==2\n",
  );
});

describe("environmentKey()", () => {
  const key = environmentKey(resolution(parsePins("a==1\nb==2")), PYTHON);

  test("is the same for the same set, however it was written or hashed", () => {
    const hashed = parsePins("b==2\nA==1").map((pin) => ({ ...pin, hashes: ["sha256:aa"] }));
    expect(environmentKey(resolution(hashed), PYTHON)).toBe(key);
    expect(key).toMatch(/^[0-9a-f]{32}$/);
  });

  test("differs with version, source, interpreter, platform, index and scope", () => {
    const others = [
      environmentKey(resolution(parsePins("a==1\nb==3")), PYTHON),
      environmentKey(resolution(parsePins("a==1")), PYTHON),
      environmentKey(resolution(parsePins("a==1\nb @ https://host/b.whl")), PYTHON),
      environmentKey(resolution(parsePins("a==1\nb==2")), { ...PYTHON, version: "3.12.2" }),
      environmentKey(resolution(parsePins("a==1\nb==2")), { ...PYTHON, path: "/opt/python3.12" }),
      environmentKey(resolution(parsePins("a==1\nb==2")), { ...PYTHON, platform: "linux-x86_64-musl" }),
      environmentKey(resolution(parsePins("a==1\nb==2"), { options: ["-i https://x"] }), PYTHON),
      environmentKey(resolution(parsePins("a==1\nb==2"), { scope: "a/b:1" }), PYTHON),
    ];
    expect(new Set([key, ...others]).size).toBe(others.length + 1);
  });
});

describe("parsePipReport()", () => {
  const entry = (more: object, direct = false) => ({
    is_direct: direct,
    metadata: { name: "Zope.Event", version: "6.2" },
    ...more,
  });

  test("reads pins of an index with their hash", () => {
    const download_info = {
      url: "https://f/z.whl",
      archive_info: { hash: "sha256=aa", hashes: { sha256: "aa" } },
    };
    expect(parsePipReport(JSON.stringify({ version: "1", install: [entry({ download_info })] }))).toEqual([
      {
        name: "zope-event",
        version: "6.2",
        source: "",
        requirement: "zope-event==6.2",
        hashes: ["sha256:aa"],
      },
    ]);
  });

  test("reads checkouts with their commit", () => {
    const download_info = {
      url: "https://h/z.git",
      vcs_info: { vcs: "git", commit_id: "abc" },
      subdirectory: "pk",
    };
    expect(parsePipReport(JSON.stringify({ install: [entry({ download_info }, true)] }))).toMatchObject([
      { requirement: "zope-event @ git+https://h/z.git@abc#subdirectory=pk", hashes: [] },
    ]);
  });

  test("is undefined for anything else", () => {
    for (const text of ["", "{}", '{"install":[{}]}']) expect(parsePipReport(text)).toBeUndefined();
  });
});

describe("compileArguments()", () => {
  const PATTERN = "\\.venv|\\.uv-cache";
  test("skips environments and caches", () => {
    expect(compileArguments([])).toEqual(["-m", "compileall", "-q", "-x", PATTERN, "."]);
  });
  test("joins a pattern of the settings and passes on the rest", () => {
    expect(compileArguments(["-j", "2", "-x", "tests", "-f"])).toEqual([
      "-m",
      "compileall",
      "-q",
      "-j",
      "2",
      "-f",
      "-x",
      `${PATTERN}|tests`,
      ".",
    ]);
  });
});
