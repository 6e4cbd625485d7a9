import { expect, setDefaultTimeout, test } from "bun:test";
import * as fc from "fast-check";
import type { DaemonMessage } from "../../../src/protocol/messages.ts";
import { createPlainCodec } from "../../../src/protocol/plain/codec.ts";
import { readInstances, readLaunchLine } from "../../../src/protocol/serverless/connector.ts";
import { createFunctionAnswer } from "../../../src/protocol/serverless/function-answer.ts";
import { createSriAnswer } from "../../../src/protocol/serverless/sri.ts";
import { readTransaction, TransactionError } from "../../../src/protocol/serverless/transaction.ts";
import {
  checkAll,
  garbageJson,
  garbageRuns,
  garbageText,
  mutatedJson,
  mutatedText,
} from "../../support/garbage.ts";

/* Whatever a connector or a function writes, the worst that comes of it is the end of one call. */

setDefaultTimeout(600_000);

const check = checkAll(garbageRuns({ gate: 200, share: 0.05 }));
const never = () => false;
const ITEM = '{"event":"session","session_id":"s","data":{"type":"stream","data":{"n":1.0}}}';
const CALL = {
  event: "session",
  session_id: "s",
  data: { type: "invoke", data: { type: "storage", request: {} } },
};
const REQUEST: Extract<DaemonMessage, { kind: "request" }> = {
  kind: "request",
  sessionId: "s",
  session: { conversationId: null, messageId: null, appId: null, endpointId: null, context: null },
  data: { user_id: "u", type: "tool", action: "invoke_tool", tool: "t", tool_parameters: {} },
};

test("readTransaction() survives any body", async () => {
  const body = fc.oneof(
    garbageText,
    mutatedText(fc.constant(JSON.stringify(CALL))),
    mutatedJson(fc.constant(CALL)).map((one) => JSON.stringify(one) ?? ""),
  );
  await check(body, readTransaction, (error) => error instanceof TransactionError);
});

test("readLaunchLine() and readInstances() survive any connector", async () => {
  const line = JSON.stringify({
    Stage: "run",
    State: "success",
    Obj: "",
    Message: "endpoint=http://a,name=b,id=c",
  });
  await check(fc.oneof(garbageText, mutatedText(fc.constant(line))), readLaunchLine, never);
  const answer = { error: "", Items: [{ ID: "i", Name: "n", Endpoint: "e", Status: { State: "s" } }] };
  const words = (error: unknown) => error instanceof Error && error.message.startsWith("unexpected response");
  await check(fc.oneof(garbageJson, mutatedJson(fc.constant(answer))), readInstances, words);
});

test("createFunctionAnswer() survives any line, and all that it yields is this session's", async () => {
  await check(
    fc.oneof(garbageText, mutatedText(fc.constant(`${ITEM}\n\n${ITEM}\n`))),
    (text) => {
      const answer = createFunctionAnswer("s", { status: 200 });
      for (const event of [...answer.decode(text), answer.finish()])
        if ("sessionId" in event) expect(event.sessionId).toBe("s");
    },
    never,
  );
});

test("createSriAnswer() survives any body and any event", async () => {
  const texts = fc.oneof(
    garbageText,
    mutatedText(
      fc.constantFrom('{"status":"success","data":{"content":"a"}}', '{"statusCode":200,"body":"{}"}'),
    ),
  );
  const names = fc.constantFrom("start", "chunk", "end", "error", "message", "x");
  await check(
    fc.tuple(texts, names),
    ([text, name]) => {
      const codec = createPlainCodec({ heartbeat: false });
      codec.encode(REQUEST);
      const answer = createSriAnswer({ codec, sessionId: "s", status: 200, onUsage: () => undefined });
      answer.event(name, text);
      answer.unary(text);
    },
    never,
  );
});
