import { describe, expect, test } from "bun:test";
import { MalformedCallError, readBackwardsRequest } from "../../../src/protocol/backwards/envelope.ts";
import { backwardsEventText } from "../../../src/protocol/backwards/event.ts";

const good = { type: "llm", backwards_request_id: "r", request: { a: 1 } };

describe("readBackwardsRequest()", () => {
  test("takes a call apart", () => {
    expect(readBackwardsRequest({ ...good, surprise: 1 })).toEqual({
      type: "llm",
      requestId: "r",
      request: { a: 1 },
    });
  });

  test.each([
    [null, "invoke request is empty"],
    ["hello", "unmarshal invoke request failed: it is a string, not an object"],
    [[], "unmarshal invoke request failed: it is a list, not an object"],
    [{ ...good, type: undefined }, "invoke request missing type: it is not there"],
    [{ ...good, type: 1 }, "invoke request missing type: it is a number, not a text"],
    [{ ...good, backwards_request_id: null }, "invoke request missing request_id: it is null, not a text"],
    [{ ...good, request: [] }, "invoke request missing request: it is a list, not an object"],
  ])("%j is none: %s", (value, why) => {
    expect(() => readBackwardsRequest(value)).toThrow(MalformedCallError);
    expect(() => readBackwardsRequest(value)).toThrow(why);
  });
});

describe("backwardsEventText()", () => {
  test("always has four keys", () => {
    expect(backwardsEventText("r", { event: "response", message: "stream", data: '{"n":1.0}' })).toBe(
      '{"backwards_request_id":"r","event":"response","message":"stream","data":{"n":1.0}}',
    );
    expect(backwardsEventText('"\n', { event: "error", message: 'no "luck"\n' })).toBe(
      '{"backwards_request_id":"\\"\\n","event":"error","message":"no \\"luck\\"\\n","data":null}',
    );
    expect(backwardsEventText("r", { event: "end" })).toBe(
      '{"backwards_request_id":"r","event":"end","message":"","data":null}',
    );
  });
});
