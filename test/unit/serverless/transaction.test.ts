import { describe, expect, test } from "bun:test";
import {
  readTransaction,
  sessionNotFound,
  transactionFrame,
} from "../../../src/protocol/serverless/transaction.ts";

/* contract/plugin-wire 3.5 */

const request = { type: "storage", backwards_request_id: "b1", request: { opt: "get", key: "k" } };
const body = (message: unknown, more: object = {}) =>
  `${JSON.stringify({ event: "session", session_id: "s1", data: message, ...more })}\n\n`;

describe("readTransaction()", () => {
  test("takes a session message apart, and keeps the function's own digits", () => {
    const text =
      '{"event":"session","session_id":"s1","data":{"type":"invoke","data":{"n":1.0, "big":9007199254740993}}}\n\n';
    expect(readTransaction(text)).toEqual({
      sessionId: "s1",
      request: { n: 1, big: 9007199254740992 },
      raw: '{"n":1.0, "big":9007199254740993}',
    });
  });

  test("does not look at the type within", () => {
    expect(readTransaction(body({ type: "anything", data: request })).request).toEqual(request);
  });

  test.each([
    ["no JSON", '{"event":'],
    ["an error event", JSON.stringify({ event: "error", session_id: "s1", data: "x" })],
    ["no session id", body({ type: "invoke", data: request }, { session_id: undefined })],
    ["an empty session id", body({ type: "invoke", data: request }, { session_id: "" })],
    ["no session message", body("x")],
    ["no data within", body({ type: "invoke" })],
    ["a list", "[]"],
    ["nothing", ""],
    ["an abyss", "[".repeat(6 * 1024 * 1024)],
  ])("refuses %s at once", (_, text) => {
    expect(() => readTransaction(text)).toThrow("Cannot read the call back: ");
  });
});

test("transactionFrame() is one line for readers that know more than LF, and a blank one", () => {
  expect(transactionFrame('{"a":"\u2028\u2029\u0085"}\n')).toBe('{"a":"\\u2028\\u2029\\u0085"}\n\n');
});

test("sessionNotFound() is what the reference says, unwrapped", () => {
  expect(JSON.parse(sessionNotFound({ sessionId: "s1", request }))).toEqual({
    backwards_request_id: "b1",
    event: "error",
    message: "failed to get session info from cache",
    data: { error_type: "SessionNotFound", detail: "session not found", session_id: "s1" },
  });
  expect(sessionNotFound({ sessionId: "s1", request: null })).toContain('"backwards_request_id":""');
});
