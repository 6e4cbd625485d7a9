import { describe, expect, test } from "bun:test";
import { createFunctionAnswer } from "../../../src/protocol/serverless/function-answer.ts";

/* contract/plugin-wire 3.4 */

const item = (id: string, n: string) =>
  `{"event":"session","session_id":"${id}","data":{"type":"stream","data":{"n":${n}}}}\n\n`;
const end = (id: string) => `{"event":"session","session_id":"${id}","data":{"type":"end","data":{}}}\n\n`;
const answer = () => createFunctionAnswer("s", { status: 200 });

describe("createFunctionAnswer()", () => {
  test("passes items on in the function's own digits, as this session's", () => {
    expect(answer().decode(item("s", "1.0") + item("other", "2"))).toEqual([
      { kind: "item", sessionId: "s", raw: '{"n":1.0}', value: { n: 1 } },
      { kind: "item", sessionId: "s", raw: '{"n":2}', value: { n: 2 } },
    ]);
  });

  test("stops at the end", () => {
    expect(
      answer()
        .decode(item("s", "1") + end("s") + item("s", "2"))
        .map(({ kind }) => kind),
    ).toEqual(["item", "end"]);
  });

  test("keeps what came before a line that is no message, and stops there", () => {
    const events = answer().decode(`${item("s", "1")}print\n${item("s", "2")}`);
    expect(events).toMatchObject([
      { kind: "item" },
      {
        kind: "error",
        error: { error_type: "PluginDaemonInnerError", message: "encountered an error: print", args: null },
      },
    ]);
  });

  test("is an error when nothing but signs of life came, and an end after any session message", () => {
    const silent = answer();
    silent.decode('{"event":"heartbeat","session_id":null,"data":{}}\n');
    silent.decode('{"event":"log","session_id":"s","data":{"level":"info","message":"m"}}\n');
    expect(silent.finish()).toMatchObject({
      kind: "error",
      error: { message: "Plugin runtime request failed: no valid session response" },
    });
    const talking = answer();
    talking.decode(item("s", "1"));
    expect(talking.finish()).toEqual({ kind: "end", sessionId: "s" });
  });

  test("reads the SDK's own error, and a log in between", () => {
    const error = { error_type: "ValueError", message: "no", args: {} };
    const line = JSON.stringify({ event: "session", session_id: "s", data: { type: "error", data: error } });
    expect(answer().decode(`${line}\n`)).toEqual([{ kind: "error", sessionId: "s", error }]);
  });
});
