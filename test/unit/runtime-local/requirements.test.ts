import { describe, expect, test } from "bun:test";
import {
  isLocal,
  parseRequirement,
  parseRequirementsText,
} from "../../../src/runtime/local/python/requirements.ts";
import { isOldSdk, sdkFloor } from "../../../src/runtime/local/python/sdk-version.ts";

describe("parseRequirement()", () => {
  test("reads name, extras, specifier and marker", () => {
    expect(parseRequirement('HTTPX[Socks, http2] >=0.27, <1 ; python_version < "3.13"')).toMatchObject({
      name: "httpx",
      extras: ["socks", "http2"],
      specifier: ">=0.27,<1",
      marker: 'python_version < "3.13"',
      url: undefined,
    });
  });

  test("reads a version in parentheses", () => {
    expect(parseRequirement("requests (>=2.0)")).toMatchObject({ name: "requests", specifier: ">=2.0" });
  });

  test("reads a URL behind a name, and its marker only behind a space", () => {
    expect(parseRequirement("x @ git+https://host/x.git@abc;d ; os_name == 'nt'")).toMatchObject({
      name: "x",
      url: "git+https://host/x.git@abc;d",
      marker: "os_name == 'nt'",
    });
  });

  test("takes no longer for a URL with a quarter of a million spaces in it", () => {
    const began = performance.now();
    const line = `x @ https://host/a${" ".repeat(250_000)}b ; os_name == 'nt'`;
    expect(parseRequirement(line)).toMatchObject({ marker: "os_name == 'nt'" });
    expect(performance.now() - began).toBeLessThan(1000);
  });

  test("keeps hashes and other options of the line apart", () => {
    expect(parseRequirement("six==1.16.0 --hash=sha256:aa --hash=sha256:bb")).toMatchObject({
      specifier: "==1.16.0",
      hashes: ["sha256:aa", "sha256:bb"],
      text: "six==1.16.0",
    });
  });

  test("takes paths, wheels and bare URLs as such", () => {
    for (const text of [
      "./vendored",
      "wheels/x-1.0-py3-none-any.whl",
      "x-1.0.tar.gz",
      "https://host/x.whl",
      "/abs",
    ])
      expect(parseRequirement(text)).toMatchObject({ name: undefined, url: text });
  });
});

test("isLocal() tells what lies on this machine", () => {
  const local = ["./x", "x @ file:///tmp/x", "x-1.0.zip", "x @ ./y"];
  const remote = ["x==1", "x @ https://host/x.whl", "x @ git+ssh://git@host/x", "git+https://host/x"];
  expect(local.map((text) => isLocal(parseRequirement(text)))).toEqual(local.map(() => true));
  expect(remote.map((text) => isLocal(parseRequirement(text)))).toEqual(remote.map(() => false));
});

describe("parseRequirementsText()", () => {
  test("copes with a byte order mark, any line ends, comments and continued lines", () => {
    const text =
      "\uFEFFidna==3.10\r\n# all of it\r\n\r\nsix==1.16.0 \\\r\n  --hash=sha256:aa\rhttpx # why\nx#y\n";
    expect(parseRequirementsText(text).requirements.map((one) => one.text)).toEqual([
      "idna==3.10",
      "six==1.16.0",
      "httpx",
      "x#y",
    ]);
  });

  test("keeps options and included files apart", () => {
    const text = [
      "-r base.txt",
      "--requirement=more.txt",
      "-c limits.txt",
      "-i https://a/simple",
      "-e ./pk",
      "x",
    ];
    const parsed = parseRequirementsText(text.join("\n"));
    expect(parsed.includes).toEqual(["base.txt", "more.txt", "limits.txt"]);
    expect(parsed.options).toEqual(["-i https://a/simple"]);
    expect(parsed.requirements.map((one) => [one.name, one.url, one.text])).toEqual([
      [undefined, "./pk", "-e ./pk"],
      ["x", undefined, "x"],
    ]);
  });
});

describe("sdkFloor()", () => {
  const floor = (line: string) => sdkFloor([parseRequirement(line)]);
  test("is 3.12 from SDK 0.8.0 on, 3.11 before", () => {
    expect(
      ["dify_plugin>=0.9.0", "dify-plugin==0.8.0", "Dify.Plugin~=0.10", "dify_plugin>=0.1,>=0.8"].map(floor),
    ).toEqual([12, 12, 12, 12]);
    expect(
      [
        "dify_plugin~=0.0.1b70",
        "dify_plugin==0.7.9",
        "dify_plugin",
        "dify_plugin<0.9",
        "dify_plugin[x]>=0.2",
      ].map(floor),
    ).toEqual([11, 11, 11, 11, 11]);
  });
  test("is none without the SDK", () => {
    expect(floor("dify_plugin_extra>=0.9")).toBeUndefined();
    expect(sdkFloor([])).toBeUndefined();
  });
});

test("isOldSdk() is true below 0.1.1", () => {
  expect(["0.0.1b7", "0.0.1", "0.1.0", "0.1.1b1"].every(isOldSdk)).toBe(true);
  expect(["0.1.1", "0.2.0", "0.10.2", "nonsense"].some(isOldSdk)).toBe(false);
});

test("parseRequirementsText() takes no time by the square of a long run of spaces", () => {
  const began = process.cpuUsage();
  const spaces = " ".repeat(60_000);
  const { requirements } = parseRequirementsText(`-e .${spaces}/x\n./y${spaces}; os_name == 'x'\n`);
  expect(requirements.map(({ url, marker }) => [url?.length, marker])).toEqual([
    [60_003, undefined],
    [3, "os_name == 'x'"],
  ]);
  expect(process.cpuUsage(began).user / 1000).toBeLessThan(500);
});
