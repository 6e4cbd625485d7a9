import { describe, expect, test } from "bun:test";
import {
  chooseInterpreter,
  describeNeeds,
  type InterpreterCandidate,
  type InterpreterNeeds,
  type InterpreterOrigin,
} from "../../../src/runtime/local/python/interpreter.ts";

function python(
  version: string,
  options: { origin?: InterpreterOrigin; implementation?: string } = {},
): InterpreterCandidate {
  const path = `/opt/${version}/bin/python3`;
  return {
    foundAt: path,
    origin: options.origin ?? "path",
    problem: undefined,
    interpreter: {
      path,
      version,
      minor: Number(version.split(".")[1]),
      platform: "linux-x86_64-glibc",
      markers: { platform_python_implementation: options.implementation ?? "CPython" },
      canMakeVenv: true,
      uvPath: undefined,
    },
  };
}

function choose(versions: readonly (string | InterpreterCandidate)[], needs: Partial<InterpreterNeeds> = {}) {
  const candidates = versions.map((one) => (typeof one === "string" ? python(one) : one));
  return chooseInterpreter(candidates, {
    manifestVersion: "3.12",
    requiresPython: undefined,
    sdkFloor: undefined,
    ...needs,
  });
}

function chosen(...args: Parameters<typeof choose>): string | undefined {
  const choice = choose(...args);
  return choice.kind === "chosen" ? choice.interpreter.version : undefined;
}

describe("chooseInterpreter()", () => {
  test("takes the manifest's minor version first", () => {
    expect(chosen(["3.13.0", "3.12.1", "3.11.7"], { manifestVersion: "3.11" })).toBe("3.11.7");
    expect(chosen(["3.12.1", "3.13.0"], { manifestVersion: "3.13" })).toBe("3.13.0");
  });

  test("takes 3.12 next, then the nearest higher one", () => {
    expect(chosen(["3.14.0", "3.13.0", "3.12.1"], { manifestVersion: "3.10" })).toBe("3.12.1");
    expect(chosen(["3.14.0", "3.13.0"], { manifestVersion: "3.10" })).toBe("3.13.0");
  });

  test("takes nothing below the manifest's version", () => {
    expect(chosen(["3.11.7", "3.12.1"], { manifestVersion: "3.13" })).toBeUndefined();
  });

  test("keeps to the order of finding among equals", () => {
    expect(chosen(["3.12.1", "3.12.9"])).toBe("3.12.1");
  });

  test("takes 3.12, then higher, then lower ones where the manifest names no version", () => {
    for (const manifestVersion of ["", "3", "latest"]) {
      expect(chosen(["3.11.7", "3.14.0", "3.12.1"], { manifestVersion })).toBe("3.12.1");
      expect(chosen(["3.11.7", "3.14.0"], { manifestVersion })).toBe("3.14.0");
      expect(chosen(["3.10.0", "3.11.7"], { manifestVersion })).toBe("3.11.7");
    }
  });

  test("honours requires-python", () => {
    expect(chosen(["3.12.1", "3.13.0"], { requiresPython: ">=3.13" })).toBe("3.13.0");
    expect(chosen(["3.12.1", "3.13.0"], { requiresPython: "!=3.12.*,>=3.11" })).toBe("3.13.0");
    expect(chosen(["3.12.1"], { requiresPython: "~=3.12.2" })).toBeUndefined();
    expect(chosen(["3.12.1"], { requiresPython: "^3.12" })).toBe("3.12.1");
  });

  test("honours the need of the SDK", () => {
    expect(chosen(["3.11.7", "3.12.1"], { manifestVersion: "3.11", sdkFloor: 12 })).toBe("3.12.1");
    expect(chosen(["3.10.13", "3.11.7"], { manifestVersion: "3.10", sdkFloor: 11 })).toBe("3.11.7");
  });

  test("follows an operator below the manifest's version, not below what cannot work", () => {
    const set = python("3.12.1", { origin: "setting" });
    expect(chosen([set], { manifestVersion: "3.13" })).toBe("3.12.1");
    expect(chosen([set], { manifestVersion: "3.13", requiresPython: ">=3.13" })).toBeUndefined();
  });

  test("tells for each why it will not do, and what would", () => {
    const broken: InterpreterCandidate = {
      foundAt: "/x/python3",
      origin: "path",
      interpreter: undefined,
      problem: "it does not answer",
    };
    const choice = choose(["3.11.7", python("3.12.1", { implementation: "PyPy" }), broken, "3.10.2"], {
      manifestVersion: "3.10",
      requiresPython: ">=3.11",
      sdkFloor: 12,
    });
    expect(choice).toEqual({
      kind: "none",
      wanted: "3.12",
      refused: [
        { foundAt: "/opt/3.11.7/bin/python3", version: "3.11.7", reason: "the SDK needs 3.12 or higher" },
        { foundAt: "/opt/3.12.1/bin/python3", version: "3.12.1", reason: "it is not CPython" },
        { foundAt: "/x/python3", version: undefined, reason: "it does not answer" },
        { foundAt: "/opt/3.10.2/bin/python3", version: "3.10.2", reason: 'pyproject.toml asks for ">=3.11"' },
      ],
    });
  });

  test("wants the manifest's version where that can work", () => {
    expect(choose([], { manifestVersion: "3.13" })).toMatchObject({ wanted: "3.13" });
    expect(choose([], { manifestVersion: "3.11", sdkFloor: 12 })).toMatchObject({ wanted: "3.12" });
    expect(choose([], { requiresPython: "<3" })).toMatchObject({ wanted: undefined });
  });
});

test("describeNeeds() names every demand", () => {
  expect(describeNeeds({ manifestVersion: "3.12", requiresPython: ">=3.12", sdkFloor: 12 })).toBe(
    'the manifest asks for 3.12, pyproject.toml for ">=3.12", its SDK for 3.12 or higher',
  );
  expect(describeNeeds({ manifestVersion: "", requiresPython: undefined, sdkFloor: undefined })).toBe(
    "any Python 3",
  );
});
