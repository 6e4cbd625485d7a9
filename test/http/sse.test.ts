import { describe, expect, test } from "bun:test";
import { sse } from "../../src/http/sse.ts";
import type { Invocation, InvocationEnd, Taken } from "../../src/protocol/invocation.ts";
import { until } from "../support/processes.ts";

/** A call whose hand-overs the test gives. */
function createCall() {
  const pending: ((taken: Taken) => void)[] = [];
  const queued: Taken[] = [];
  let cancelled = 0;
  let takes = 0;
  const invocation: Invocation = {
    sessionId: "s",
    take() {
      takes++;
      const taken = queued.shift();
      return taken ? Promise.resolve(taken) : new Promise((resolve) => pending.push(resolve));
    },
    cancel() {
      cancelled++;
      for (const resolve of pending.splice(0)) resolve({ items: [], end: { kind: "cancelled" } });
    },
    ended: new Promise(() => undefined),
    delivered: { items: 0, bytes: 0 },
  };
  return {
    invocation,
    hand(items: readonly string[], end?: InvocationEnd) {
      const taken = end ? { items, end } : { items };
      const resolve = pending.shift();
      if (resolve) resolve(taken);
      else queued.push(taken);
    },
    get cancelled() {
      return cancelled;
    },
    get takes() {
      return takes;
    },
  };
}

const frame = (item: string) => `data: {"code":0,"message":"success","data":${item}}\n\n`;
const failed = (type: string, message: string) =>
  `data: ${JSON.stringify({ code: -500, message: JSON.stringify({ message, error_type: type, args: null }), data: null })}\n\n`;
const END: InvocationEnd = { kind: "completed" };

async function textOf(response: Response | Promise<Response>): Promise<string> {
  return (await response).text();
}

describe("sse()", () => {
  test("answers with the head only once there is something to say", async () => {
    const call = createCall();
    let answered = false;
    const answer = sse(call.invocation).then((response) => {
      answered = true;
      return response;
    });
    await Bun.sleep(0);
    expect(answered).toBe(false);
    call.hand(["1"]);
    const response = await answer;
    expect(response.status).toBe(200);
    expect([...response.headers]).toEqual([["content-type", "text/event-stream"]]);
    call.hand(["2", '"\\n"'], END);
    expect(await response.text()).toBe(`${frame("1")}${frame("2")}${frame('"\\n"')}`);
  });

  test("a call that is over with its first items is one piece, an empty one is empty", async () => {
    const [one, none] = [createCall(), createCall()];
    one.hand(["1", "2"], END);
    none.hand([], END);
    expect(await textOf(sse(one.invocation))).toBe(frame("1") + frame("2"));
    expect(await textOf(sse(none.invocation))).toBe("");
  });

  test("a hand-over without items is no frame", async () => {
    const call = createCall();
    call.hand(["1"]);
    call.hand([]);
    call.hand([], END);
    expect(await textOf(sse(call.invocation))).toBe(frame("1"));
  });

  test.each<[InvocationEnd, string]>([
    [{ kind: "timeout" }, failed("PluginDaemonInternalServerError", "killed by timeout")],
    [
      { kind: "plugin_error", error: { error_type: "E", message: "m", args: { a: 1 } } },
      failed("PluginInvokeError", '{"args":{"a":1},"error_type":"E","message":"m"}'),
    ],
    [
      { kind: "connection_closed", error: { error_type: "unmarshal_error", message: "m" } },
      failed("PluginInvokeError", '{"error_type":"unmarshal_error","message":"m"}'),
    ],
    [
      { kind: "overflow", error: { error_type: "SlowConsumerError", message: "m", args: {} } },
      failed("PluginInvokeError", '{"args":{},"error_type":"SlowConsumerError","message":"m"}'),
    ],
    [{ kind: "cancelled" }, ""],
  ])("%j is the last frame", async (end, last) => {
    const [atOnce, later] = [createCall(), createCall()];
    atOnce.hand(["1"], end);
    expect(await textOf(sse(atOnce.invocation))).toBe(frame("1") + last);
    later.hand(["1"]);
    later.hand(["2"], end);
    expect(await textOf(sse(later.invocation))).toBe(frame("1") + frame("2") + last);
  });

  test("a failure stays one line for every reader of lines, and means the same", async () => {
    const message = "a\nb\rc\u0085d\u2028e\u2029f";
    const call = createCall();
    call.hand([], { kind: "plugin_error", error: { error_type: "E", message, args: {} } });
    const text = await textOf(sse(call.invocation));
    expect(text.slice(0, -2)).not.toMatch(/[\n\r\u0085\u2028\u2029]/);
    const outer: { message: string } = JSON.parse(text.slice("data: ".length));
    const middle: { message: string } = JSON.parse(outer.message);
    expect(JSON.parse(middle.message)).toMatchObject({ message });
  });

  test("pulls no further while the client does not read", async () => {
    const call = createCall();
    using server = serve(call.invocation);
    for (let i = 0; i < 60; i++) call.hand([JSON.stringify("x".repeat(1024 * 1024))]);
    const response = await fetch(server.url);
    await until("the socket is full", async () => {
      const before = call.takes;
      await Bun.sleep(50);
      return call.takes === before;
    });
    expect(call.takes).toBeLessThan(60);
    call.hand([], END);
    expect((await response.bytes()).length).toBeGreaterThan(60 * 1024 * 1024);
  });

  test("a client that leaves cancels the call, also while nothing comes", async () => {
    const call = createCall();
    using server = serve(call.invocation);
    call.hand(["1"]);
    const leave = new AbortController();
    const response = await fetch(server.url, { signal: leave.signal });
    leave.abort();
    await until("it is cancelled", () => call.cancelled > 0);
    await response.body?.cancel().catch(() => undefined);
  });
});

function serve(invocation: Invocation) {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch: () => sse(invocation) });
  return { url: server.url, [Symbol.dispose]: () => void server.stop(true) };
}
