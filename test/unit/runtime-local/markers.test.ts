import { describe, expect, test } from "bun:test";
import { markerApplies, normalizeName, parseMarker } from "../../../src/runtime/local/python/markers.ts";

const LINUX = {
  os_name: "posix",
  sys_platform: "linux",
  platform_machine: "x86_64",
  platform_python_implementation: "CPython",
  platform_release: "6.18.0-13-generic",
  platform_system: "Linux",
  platform_version: "#1 SMP",
  python_version: "3.12",
  python_full_version: "3.12.1",
  implementation_name: "cpython",
  implementation_version: "3.12.1",
};

describe("markerApplies()", () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ["sys_platform == 'win32'", false],
    ['sys_platform != "win32"', true],
    ["python_version < '3.13'", true],
    // As texts, "3.9" would be above "3.12".
    ["python_version >= '3.9'", true],
    ["'3.9' <= python_version", true],
    ["'3.13' < python_version", false],
    ["python_full_version < '3.15'", true],
    ["python_full_version == '3.12.*'", true],
    ["python_version ~= '3.8'", true],
    ["python_version not in '2.7 3.6'", true],
    ["'linux' in sys_platform", true],
    ["sys_platform == 'win32' or platform_system == 'Linux' and python_version == '3.12'", true],
    ["(sys_platform == 'win32' or platform_system == 'Linux') and python_version == '3.11'", false],
    ["implementation_name != 'PyPy' and platform_python_implementation == 'CPython'", true],
    ["os.name == 'posix' and sys.platform == 'linux'", true],
    ["python_implementation == 'CPython'", true],
    ["platform_release >= '5'", true],
    ["extra == 'socks'", false],
    ["extra != 'socks'", true],
    ["platform_machine=='x86_64'and(os_name=='posix')", true],
  ];
  for (const [marker, expected] of cases)
    test(`${marker} is ${expected}`, () => {
      expect(markerApplies(marker, LINUX)).toBe(expected);
    });

  test("compares extras by their normalised names", () => {
    expect(markerApplies("extra == 'Async_IO'", { ...LINUX, extra: "async-io" })).toBe(true);
  });

  test("holds where there is no marker, and where it cannot be read", () => {
    expect(markerApplies(undefined, LINUX)).toBe(true);
    expect(markerApplies(" ", LINUX)).toBe(true);
    expect(markerApplies("python_version is new", LINUX)).toBe(true);
  });
});

test("parseMarker() refuses what is no marker", () => {
  for (const text of [
    "",
    "python_version",
    "unknown_name == '1'",
    "(os_name == 'posix'",
    "os_name == 'a' or",
    "a b c",
  ])
    expect([text, parseMarker(text)]).toEqual([text, undefined]);
});

test("parseMarker() refuses what would run out of stack, and reads what is merely long", () => {
  const one = "os_name == 'posix'";
  for (const join of [" and ", " or "]) {
    expect(markerApplies(Array(200).fill(one).join(join), LINUX)).toBe(true);
    expect(parseMarker(Array(50_000).fill(one).join(join))).toBeUndefined();
  }
  expect(markerApplies(`${"(".repeat(400)}${one}${")".repeat(400)}`, LINUX)).toBe(true);
  expect(parseMarker("(".repeat(100_000))).toBeUndefined();
  expect(markerApplies("(".repeat(100_000), LINUX)).toBe(true);
});

test("normalizeName() makes spellings of a name equal", () => {
  expect(["dify_plugin", "Dify-Plugin", "dify.._plugin"].map(normalizeName)).toEqual(
    Array(3).fill("dify-plugin"),
  );
});
