import { describe, expect, test } from "bun:test";
import { createHookReply } from "../../../src/protocol/hook-reply.ts";

/** Decodes items one after the other; answers the pieces and the head. */
function decode(...items: readonly unknown[]) {
  const reply = createHookReply();
  const pieces = items.map((item) => reply.decodeItem(item, JSON.stringify(item)));
  return { pieces, status: reply.head.status, headers: Object.fromEntries(reply.head.headers) };
}

describe("createHookReply()", () => {
  test("takes a whole answer from one item", () => {
    expect(decode({ status: 201, headers: { "Content-Type": "text/plain" }, result: "6869" })).toEqual({
      pieces: ["6869"],
      status: 201,
      headers: { "content-type": "text/plain" },
    });
  });

  test("collects the head until the first piece: the last status and the first value of a name count", () => {
    expect(
      decode(
        { status: 500, headers: { "X-A": "1" } },
        { status: 202 },
        { headers: { "x-a": "2", "X-B": "3" }, result: "" },
        { status: 404, headers: { "X-C": "4" } },
        { result: "00FF", status: "not looked at" },
      ),
    ).toEqual({
      pieces: [undefined, undefined, "", undefined, "00FF"],
      status: 202,
      headers: { "x-a": "1", "x-b": "3" },
    });
  });

  test("is 200 without a status, and takes null for absent", () => {
    expect(decode({ status: null, headers: null, result: null })).toEqual({
      pieces: [undefined],
      status: 200,
      headers: {},
    });
  });

  test("leaves the headers of the connection to the listener", () => {
    const headers = {
      "Transfer-Encoding": "chunked",
      Connection: "close",
      "KEEP-ALIVE": "timeout=5",
      Upgrade: "h2c",
      Trailer: "x",
      TE: "x",
      "Proxy-Connection": "x",
      "Content-Length": "5",
    };
    expect(decode({ headers, result: "" }).headers).toEqual({ "content-length": "5" });
  });

  test("keeps any text of a value, as its bytes", () => {
    const { headers } = decode({ headers: { "x-a": "€\té" }, result: "" });
    expect(Buffer.from(headers["x-a"] ?? "", "latin1").toString()).toBe("€\té");
  });

  test.each([[100], [101], [199], [600], [999], [70_000], [-1], [0], [200.5], ["200"], [true], [[200]]])(
    "refuses the status %j",
    (status) => {
      expect(() => decode({ status, result: "" })).toThrow(`status ${JSON.stringify(status)} is none`);
    },
  );

  test.each([
    [{ "x-a": "a\r\nX-Evil: 1" }],
    [{ "x-a": "a\nb" }],
    [{ "x-a": "a\rb" }],
    [{ "x-a": "a\0b" }],
    [{ "x-a": "\u007f" }],
    [{ "x-a": 5 }],
    [{ "x-a": null }],
    [{ "x-a": ["1"] }],
    [{ "x a": "1" }],
    [{ "x-a:": "1" }],
    [{ "x\r\ny": "1" }],
    [{ "": "1" }],
    [{ "x-é": "1" }],
    [["x-a", "1"]],
    ["x-a: 1"],
  ])("refuses the headers %j", (headers) => {
    expect(() => decode({ headers, result: "" })).toThrow(/^unmarshal json failed: /);
  });

  test.each([["0"], ["0g"], ["zz"], [" 00"], ["00\n"], [5], [{}], [false]])(
    "refuses the piece %j",
    (result) => {
      expect(() => decode({ result })).toThrow("result is no text in hex");
      expect(() => decode({ result: "00" }, { result })).toThrow("result is no text in hex");
    },
  );

  test.each([[null], [[]], ["text"], [5]])("refuses %j, which is no object", (item) => {
    expect(() => decode(item)).toThrow("the item is no object");
  });
});
