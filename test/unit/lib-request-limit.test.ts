import { expect, test } from "bun:test";
import { type OwnProcess, raiseRequestLimit } from "../../src/lib/request-limit-at-start.ts";

interface Setting extends Partial<OwnProcess> {
  readonly fails?: boolean;
}

function replaced({ fails = false, ...changed }: Setting = {}): readonly unknown[] | undefined {
  let call: readonly unknown[] | undefined;
  raiseRequestLimit({
    pid: 7,
    execPath: "/usr/bin/bun",
    execArgv: ["--smol"],
    argv: ["/usr/bin/bun", "/src/main.ts", "start", "--port", "1"],
    argv0: "bun",
    env: { A: "1", GONE: undefined },
    execve(...args) {
      call = args;
      if (fails) throw new Error("ENOSYS");
    },
    ...changed,
  });
  return call;
}

test("raiseRequestLimit() replaces a daemon by itself with the engine's limit raised", () => {
  expect(replaced()).toEqual([
    "/usr/bin/bun",
    ["bun", "--smol", "/src/main.ts", "start", "--port", "1"],
    { A: "1", BUN_CONFIG_MAX_HTTP_REQUESTS: "8192" },
  ]);
});

test("raiseRequestLimit() starts a compiled program as what it was called", () => {
  const argv = ["bun", "/$bunfs/root/plugd", "start"];
  expect(replaced({ execPath: "/opt/plugd", execArgv: [], argv, argv0: "plugd" })?.slice(0, 2)).toEqual([
    "/opt/plugd",
    ["plugd", "start"],
  ]);
});

test("raiseRequestLimit() leaves alone what is no daemon, what the operator has set, and PID 1", () => {
  expect(replaced({ argv: ["bun", "/src/main.ts", "list"] })).toBeUndefined();
  expect(replaced({ argv: ["bun", "/src/main.ts"] })).toBeUndefined();
  expect(replaced({ env: { BUN_CONFIG_MAX_HTTP_REQUESTS: "10" } })).toBeUndefined();
  expect(replaced({ pid: 1 })).toBeUndefined();
});

test("raiseRequestLimit() goes on where the system refuses", () => {
  expect(replaced({ fails: true })).toBeDefined();
});
