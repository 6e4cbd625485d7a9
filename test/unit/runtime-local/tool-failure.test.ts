import { describe, expect, test } from "bun:test";
import type { CommandEnd, CommandResult } from "../../../src/lib/run-command.ts";
import { tellingTail, toolFailure } from "../../../src/runtime/local/tool-failure.ts";

const LIMITS = { inactivityMs: 120_000, timeoutMs: 600_000 };

function result(stderr: string, end: CommandEnd = { kind: "exited", code: 1 }): CommandResult {
  return { end, stdout: "", stderr };
}

describe("toolFailure()", () => {
  test("speaks like the reference", () => {
    const error = toolFailure("failed to install dependencies", result("error: boom\n"), LIMITS);
    expect(error.message).toBe("failed to install dependencies: exit status 1, output: error: boom");
    expect(error.code).toBe("unavailable");
  });

  test("names the limit that ended the tool, and what to do", () => {
    const error = toolFailure(
      "failed to install dependencies",
      result("Downloading x", { kind: "inactive" }),
      LIMITS,
    );
    expect(error.message).toBe(
      "failed to install dependencies: signal: killed, output: Downloading x\ninit process exited due to no activity for 120 seconds",
    );
    expect(error.hint).toContain("PYTHON_ENV_INIT_TIMEOUT");
  });

  test("keeps the cause of what could not be started", () => {
    const cause = new Error("ENOENT: no such file");
    const error = toolFailure("failed", result("", { kind: "not_started", cause }), LIMITS);
    expect(error.message).toContain("ENOENT: no such file");
    expect(error.cause).toBe(cause);
  });

  const hints: readonly (readonly [string, string])[] = [
    [
      "Because dify-plugin==999 was not found in the package registry",
      "does not have what the package asks for",
    ],
    [
      "  cause: Because there is no version of dify-plugin==0.99.0",
      "does not have what the package asks for",
    ],
    ["ERROR: No matching distribution found for x==1", "does not have what the package asks for"],
    ["error: command 'gcc' failed: No such file or directory", "install a C compiler"],
    ["fatal error: Python.h: No such file or directory", "install a C compiler"],
    ["OSError: [Errno 28] No space left on device", "disk is full"],
    ["failed to copy file: No space left on device (os error 28)", "disk is full"],
    [
      "error: Request failed after 3 retries\n  cause: dns error: failed to lookup address",
      "cannot be reached",
    ],
    [
      "NewConnectionError(... Connection refused)\nERROR: No matching distribution found for x",
      "cannot be reached",
    ],
    ["invalid peer certificate: UnknownIssuer", "SSL_CERT_FILE"],
    ["HTTP status client error (401 Unauthorized)", "credentials"],
    ["the requested Python version (3.12.1) does not satisfy Python>=3.13", "does not support this Python"],
    ["Failed to build `broken==1.0`\n  Call to `setuptools.build_meta` failed", "could not be built"],
    ["THESE PACKAGES DO NOT MATCH THE HASHES", "other files than the lock names"],
  ];
  for (const [output, expected] of hints)
    test(`tells what to do about "${output.slice(0, 50)}"`, () => {
      expect(toolFailure("failed", result(output), LIMITS).hint).toContain(expected);
    });
});

describe("tellingTail()", () => {
  test("leaves out what uv says to debug itself", () => {
    const text = "DEBUG uv 0.13\nTRACE x\nResolved 3 packages\n    0.1s DEBUG y\nerror: boom";
    expect(tellingTail(result(text))).toBe("Resolved 3 packages\nerror: boom");
  });

  test("keeps the end of a long output", () => {
    const tail = tellingTail(result(`${"x\n".repeat(9000)}error: boom`));
    expect(tail.length).toBeLessThan(3100);
    expect(tail).toEndWith("error: boom");
  });
});
