import { describe, expect, test } from "bun:test";
import { devDialect } from "../../../src/service/author/dev/dev-dialect.ts";
import { declarationOf } from "../store/test-store.ts";

const sdk = devDialect({ dialect: "sdk", liveness: "told" });
const plain = devDialect({ dialect: "plain", liveness: "asked" });
const line = (value: object) => JSON.stringify(value);
const parsed = (lines: Iterable<string>) => [...lines].map((text): unknown => JSON.parse(text));

describe("devDialect() of the SDK", () => {
  test("registers as the SDK does, assets in chunks", () => {
    const tool = { identity: { name: "t" }, tools: [] };
    const declaration = declarationOf("search", { tool });
    const bytes = new Uint8Array(200 * 1024).fill(7);
    const messages = parsed(
      sdk.registration({ key: "k", declaration, assets: new Map([["icon.svg", bytes]]) }),
    ) as { type: string; data: Record<string, unknown> }[];
    expect(messages.map(({ type }) => type)).toEqual([
      "handshake",
      "manifest_declaration",
      "tool_declaration",
      "asset_chunk",
      "asset_chunk",
      "asset_chunk",
      "end",
    ]);
    expect(messages[0]?.data).toEqual({ key: "k" });
    expect(messages[1]?.data).toMatchObject({ name: "search" });
    expect(messages[1]?.data).not.toHaveProperty("tool");
    expect(messages[2]?.data).toEqual([tool] as never);
    const chunks = messages.filter(({ type }) => type === "asset_chunk").map(({ data }) => data);
    expect(chunks.map(({ end }) => end)).toEqual([false, false, true]);
    const joined = Buffer.concat(chunks.map(({ data }) => Buffer.from(String(data), "base64")));
    expect(joined.equals(bytes)).toBe(true);
  });

  test.each([
    [
      { event: "request", session_id: "s", data: {} },
      { kind: "request", id: "s", sessionId: "s" },
    ],
    [
      { event: "backwards_response", session_id: "s", data: {} },
      { kind: "of_call", id: "s" },
    ],
  ] as const)("tells what the daemon says: %j", (message, is) => {
    expect(sdk.ofDaemon(line(message))).toEqual(is);
  });

  test("a line that is no JSON is a refusal", () => {
    expect(sdk.ofDaemon("handshake failed, invalid key")).toEqual({
      kind: "refused",
      why: "handshake failed, invalid key",
    });
  });

  test.each([
    [line({ event: "heartbeat", session_id: null, data: {} }), { kind: "heartbeat" }],
    [line({ version: "0.0.1", type: "plugin", author: "a" }), { kind: "greeting" }],
    [
      line({ event: "session", session_id: "s", data: { type: "stream", data: {} } }),
      { kind: "of_call", id: "s" },
    ],
    [line({ event: "session", session_id: "s", data: { type: "end", data: {} } }), { kind: "end", id: "s" }],
    [
      line({ event: "session", session_id: "s", data: { type: "error", data: {} } }),
      { kind: "end", id: "s" },
    ],
    [line({ event: "log", data: {} }), { kind: "other" }],
    ["a print", { kind: "other" }],
  ] as const)("tells what the plugin says: %s", (text, is) => {
    expect(sdk.ofPlugin(text)).toEqual(is);
  });

  test("a failure is the error of a session", () => {
    expect(JSON.parse(sdk.failure({ id: "s", sessionId: "s" }, { type: "T", message: "m" }))).toEqual({
      event: "session",
      session_id: "s",
      data: { type: "error", data: { error_type: "T", message: "m", args: {} } },
    });
  });
});

describe("devDialect() of plain programs", () => {
  test("registers with auth and its declaration, and changes it over the same connection", () => {
    const declaration = declarationOf("search");
    const [auth, ...others] = parsed(plain.registration({ key: "k", declaration, assets: new Map() }));
    expect([auth, others]).toEqual([
      {
        type: "auth",
        api_key: "k",
        plugin_id: `${declaration.author}/search`,
        declaration: JSON.parse(JSON.stringify(declaration)),
      },
      [],
    ]);
    expect(JSON.parse(plain.redeclare?.(declaration) ?? "")).toMatchObject({
      type: "reload",
      status: "success",
    });
    expect(sdk.redeclare).toBeUndefined();
  });

  test.each([
    [
      { type: "invoke", session_id: "s", request_id: "r" },
      { kind: "request", id: "r", sessionId: "s" },
    ],
    [
      { type: "cancel", request_id: "r" },
      { kind: "of_call", id: "r" },
    ],
    [{ type: "backwards_response", request_id: "the plugin's own" }, { kind: "other" }],
    [{ type: "heartbeat" }, { kind: "heartbeat" }],
    [{ type: "reload" }, { kind: "reload" }],
    [
      { type: "auth_failed", error: { message: "no" } },
      { kind: "refused", why: "no" },
    ],
  ] as const)("tells what the daemon says: %j", (message, is) => {
    expect(plain.ofDaemon(line(message))).toEqual(is);
  });

  test.each([
    [{ type: "heartbeat_ack" }, { kind: "heartbeat" }],
    [
      { type: "stream_chunk", request_id: "r", data: {} },
      { kind: "of_call", id: "r" },
    ],
    [
      { type: "stream_end", data: {} },
      { kind: "end", id: undefined },
    ],
    [
      { status: "error", request_id: "r" },
      { kind: "end", id: "r" },
    ],
    [{ type: "log" }, { kind: "other" }],
  ] as const)("tells what the plugin says: %j", (message, is) => {
    expect(plain.ofPlugin(line(message))).toEqual(is);
  });

  test("asks a program for its first sign of life only where it answers", () => {
    expect(plain.ask).toContain('"heartbeat"');
    expect(devDialect({ dialect: "plain", liveness: "none" }).ask).toBeUndefined();
    expect(sdk.ask).toBeUndefined();
  });
});
