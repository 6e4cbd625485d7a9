import { describe, expect, test } from "bun:test";
import {
  lockedPins,
  lockedVersion,
  otherRegistries,
  parseUvLock,
} from "../../../src/runtime/local/python/uv-lock.ts";

const PYPI = 'source = { registry = "https://pypi.org/simple" }';
const LINUX = {
  sys_platform: "linux",
  platform_python_implementation: "CPython",
  python_version: "3.12",
  python_full_version: "3.12.1",
};

function lock(...packages: readonly string[]): string {
  return [
    "version = 1",
    "revision = 3",
    'requires-python = ">=3.12"',
    ...packages.map((one) => `[[package]]\n${one}`),
  ].join("\n");
}

function project(dependencies: string, more = ""): string {
  return `name = "plugin"\nversion = "0.0.1"\nsource = { virtual = "." }\ndependencies = [${dependencies}]\n${more}`;
}

function index(name: string, version: string, more = ""): string {
  return `name = "${name}"\nversion = "${version}"\n${PYPI}\n${more}`;
}

function pins(
  text: string,
  options: { markers?: Record<string, string>; groups?: string[] } = {},
): string[] | undefined {
  const parsed = parseUvLock(text);
  return (
    parsed &&
    lockedPins(parsed, { markers: options.markers ?? LINUX, groups: options.groups ?? [] })?.map(
      (pin) => pin.requirement,
    )
  );
}

describe("lockedPins()", () => {
  test("takes what the project reaches, sorted, and nothing else", () => {
    const text = lock(
      project('{ name = "b" }'),
      index("b", "2.0", 'dependencies = [{ name = "a" }]'),
      index("a", "1.0"),
      index("unreached", "9"),
    );
    expect(pins(text)).toEqual(["a==1.0", "b==2.0"]);
  });

  test("follows markers on the way, not on the target", () => {
    const text = lock(
      project('{ name = "a", marker = "sys_platform == \'win32\'" }, { name = "b" }'),
      index("a", "1.0"),
      index("b", "2.0", 'dependencies = [{ name = "a", marker = "python_full_version < \'3.12\'" }]'),
    );
    expect(pins(text)).toEqual(["b==2.0"]);
    expect(pins(text, { markers: { ...LINUX, sys_platform: "win32" } })).toEqual(["a==1.0", "b==2.0"]);
  });

  test("adds the dependencies of extras, also when the extra is asked for later", () => {
    const extras = '[package.optional-dependencies]\nsocks = [{ name = "s" }]';
    const text = lock(
      project('{ name = "h" }, { name = "b" }'),
      index("h", "1.0", extras),
      index("b", "1.0", 'dependencies = [{ name = "h", extra = ["socks"] }]'),
      index("s", "3.0"),
    );
    expect(pins(text)).toEqual(["b==1.0", "h==1.0", "s==3.0"]);
  });

  test("ends where packages depend on each other", () => {
    const text = lock(
      project('{ name = "a" }'),
      index("a", "1", 'dependencies = [{ name = "b" }]'),
      index("b", "1", 'dependencies = [{ name = "a" }]'),
    );
    expect(pins(text)).toEqual(["a==1", "b==1"]);
  });

  test("takes the version that the edge names where there are several", () => {
    const text = lock(
      project(
        '{ name = "a", version = "1.0", source = { registry = "https://pypi.org/simple" }, marker = "python_version < \'3.13\'" }, { name = "a", version = "2.0", source = { registry = "https://pypi.org/simple" }, marker = "python_version >= \'3.13\'" }',
      ),
      index("a", "1.0", "resolution-markers = [\"python_version < '3.13'\"]"),
      index("a", "2.0", "resolution-markers = [\"python_version >= '3.13'\"]"),
    );
    expect(pins(text)).toEqual(["a==1.0"]);
    expect(pins(text, { markers: { ...LINUX, python_version: "3.13" } })).toEqual(["a==2.0"]);
  });

  test("leaves out the dev group, and takes groups that are asked for", () => {
    const groups = '[package.dev-dependencies]\ndev = [{ name = "d" }]\nextra = [{ name = "e" }]';
    const text = lock(project("", groups), index("d", "1"), index("e", "1"));
    expect(pins(text)).toEqual([]);
    expect(pins(text, { groups: ["extra"] })).toEqual(["e==1"]);
  });

  test("spells Git, URL and path sources as requirements", () => {
    const text = lock(
      project('{ name = "g" }, { name = "u" }, { name = "p" }'),
      'name = "g"\nversion = "1"\nsource = { git = "https://host/g.git?rev=main&subdirectory=pk#abc123" }',
      'name = "u"\nversion = "1"\nsource = { url = "https://host/u-1-py3-none-any.whl" }',
      'name = "p"\nversion = "1"\nsource = { path = "wheels/p-1-py3-none-any.whl" }',
    );
    expect(pins(text)).toEqual([
      "g @ git+https://host/g.git@abc123#subdirectory=pk",
      "./wheels/p-1-py3-none-any.whl",
      "u @ https://host/u-1-py3-none-any.whl",
    ]);
  });

  test("keeps the hashes of all files", () => {
    const files =
      'sdist = { url = "x", hash = "sha256:bb" }\nwheels = [{ url = "y", hash = "sha256:aa" }, { url = "z" }]';
    const parsed = parseUvLock(lock(project('{ name = "a" }'), index("a", "1", files)))!;
    expect(lockedPins(parsed, { markers: LINUX, groups: [] })).toMatchObject([
      { hashes: ["sha256:aa", "sha256:bb"] },
    ]);
  });

  test("is undefined where a target is missing, or there is no project", () => {
    expect(pins(lock(project('{ name = "gone" }')))).toBeUndefined();
    expect(pins(lock(index("a", "1")))).toBeUndefined();
  });
});

describe("parseUvLock()", () => {
  test("leaves other versions and conflicting extras to uv", () => {
    expect(parseUvLock("version = 2")).toBeUndefined();
    expect(parseUvLock('version = 1\nconflicts = [[{ package = "a", extra = "x" }]]')).toBeUndefined();
    expect(parseUvLock("not toml at all [")).toBeUndefined();
    expect(parseUvLock("version = 1\nfuture = true")).toBeDefined();
  });
});

test("otherRegistries() knows the public mirrors of PyPI", () => {
  const from = (url: string) => `name = "x"\nversion = "1"\nsource = { registry = "${url}" }`;
  const text = lock(
    from("https://pypi.org/simple"),
    from("https://mirrors.aliyun.com/pypi/simple"),
    from("https://pypi.tuna.tsinghua.edu.cn/simple"),
    from("https://download.pytorch.org/whl/cpu"),
    from("https://pypi.org.evil.example/simple"),
  );
  expect(otherRegistries(parseUvLock(text)!)).toEqual([
    "https://download.pytorch.org/whl/cpu",
    "https://pypi.org.evil.example/simple",
  ]);
});

test("lockedVersion() finds a distribution by its normalised name", () => {
  expect(lockedVersion(parseUvLock(lock(index("dify-plugin", "0.9.0")))!, "dify-plugin")).toBe("0.9.0");
  expect(lockedVersion(parseUvLock(lock())!, "dify-plugin")).toBeUndefined();
});
