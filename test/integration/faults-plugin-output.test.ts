import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import type { CallAnswer } from "../support/daemon-api.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;
const LINE_LIMIT = 32 * MIB;

let daemon: LocalDaemon;
let pluginId: string;
let pid: number;

beforeAll(async () => {
  daemon = await startTestDaemon();
  ({ pluginId } = await daemon.api.install({ name: "talks" }));
  ({ pid } = await daemon.api.facts(pluginId));
});
afterAll(() => daemon[Symbol.asyncDispose]());

/** The texts of all messages of a call. */
function texts({ items }: CallAnswer): string[] {
  return (items as { message: { text: string } }[]).map(({ message }) => message.text);
}

/** A call that takes a while, and all of it. */
async function companion(): Promise<void> {
  const answer = await daemon.api.call(pluginId, { mode: "items", n: 10, delay_ms: 20 });
  expect([answer.items.length, answer.failure]).toEqual([10, undefined]);
}

describe("a call goes on over", () => {
  test.each<[string, Readonly<Record<string, unknown>>, readonly string[]]>([
    ["garbage before its message", { mode: "garbage" }, ["after garbage"]],
    ["bytes that are no UTF-8", { mode: "invalid-utf8" }, ["a\ufffdb"]],
    ["a line of 40 MB that is no message, beside another call", { mode: "big-garbage" }, ["after garbage"]],
    ["line separators of Unicode", { mode: "u2028" }, ["a\u2028b\u2029c\u0085d"]],
    ["two messages in one write", { mode: "two-items" }, ["one", "two"]],
    ["CRLF", { mode: "carriage-return" }, ["crlf"]],
    ["a flood on stderr", { mode: "flood-stderr", n: 4000 }, []],
    [
      "a message just below the limit",
      { mode: "bigline", bytes: LINE_LIMIT - 500 },
      ["x".repeat(LINE_LIMIT - 500)],
    ],
  ])("%s", async (_, parameters, expected) => {
    const [answer] = await Promise.all([daemon.api.call(pluginId, parameters), companion()]);
    expect(answer.status).toBe(200);
    expect(answer.failure).toBeUndefined();
    // Not `toEqual`: a difference would print megabytes.
    expect(texts(answer).length).toBe(expected.length);
    expect(texts(answer).every((text, at) => text === expected[at])).toBe(true);
    expect((await daemon.api.facts(pluginId)).pid).toBe(pid);
  });
});

test("a line of 40 MB ends its call with limit and size; others and the process go on", async () => {
  const [answer] = await Promise.all([daemon.api.call(pluginId, { mode: "bigline" }), companion()]);
  expect(answer.items).toEqual([]);
  expect(answer.failure?.error_type).toBe("PluginMessageTooLargeError");
  const size = Number(answer.failure?.args?.["size_bytes"]);
  expect(size).toBeGreaterThan(40 * MIB);
  expect(answer.failure?.args).toEqual({ size_bytes: size, limit_bytes: LINE_LIMIT });
  expect(answer.failure?.message).toBe(
    `Cannot pass on a message of ${size} bytes from plugin "tests/talks:0.0.1": ` +
      `the limit is ${LINE_LIMIT} bytes (PLUGIN_RUNTIME_MAX_BUFFER_SIZE)`,
  );
  expect((await daemon.api.facts(pluginId)).pid).toBe(pid);
});

test("an unknown type of message ends its call and no other", async () => {
  const [answer] = await Promise.all([daemon.api.call(pluginId, { mode: "session-type" }), companion()]);
  expect(answer.failure).toBeDefined();
  expect((await daemon.api.facts(pluginId)).pid).toBe(pid);
});

test("an error is the last frame behind the items, with type, message and args of the plugin", async () => {
  const thrown = { error_type: "InvokeRateLimitError", message: "quota \u2028 spent", args: { code: 429 } };
  const answer = await daemon.api.call(pluginId, { mode: "item-then-error", ...thrown });
  expect(answer.status).toBe(200);
  expect(texts(answer)).toEqual(["before the error"]);
  expect(answer.failure).toEqual(thrown);
});

test("an error without an item is the only frame", async () => {
  const answer = await daemon.api.call(pluginId, { mode: "error", error_type: "Bad", message: "no" });
  expect([answer.status, answer.type, answer.items.length]).toEqual([200, "text/event-stream", 0]);
  expect(answer.failure).toEqual({ error_type: "Bad", message: "no", args: {} });
});

test("half a line and death ends the call with the exit; nothing of the half line is seen", async () => {
  const answer = await daemon.api.call(pluginId, { mode: "half-line-and-die" });
  expect(answer.items).toEqual([]);
  expect(answer.text).not.toContain("never complete");
  expect(answer.failure?.error_type).toBe("ConnectionClosedError");
  expect(answer.failure?.args).toMatchObject({ exit_code: 1, signal: null });
  expect((await daemon.api.call(pluginId, { text: "back" })).failure).toBeUndefined();
});
