import { describe, expect, test } from "bun:test";
import type { Logger } from "../../../src/lib/logger.ts";
import { createPlainCodec } from "../../../src/protocol/plain/codec.ts";
import type { Runner } from "../../../src/protocol/runner.ts";
import { createSdkCodec } from "../../../src/protocol/sdk/codec.ts";
import { createInstance, type InstanceSettings } from "../../../src/runtime/local/instance.ts";
import { TransportClosedError } from "../../../src/transport/transport.ts";
import { createFakeProcess, FAKE_BEAT, type FakeProcessOptions } from "../../support/fake-process.ts";
import { until } from "../../support/processes.ts";
import { rejection } from "../../support/rejection.ts";

const never = new AbortController().signal;

function setUp(
  settings: Partial<InstanceSettings> = {},
  options: FakeProcessOptions & { readonly liveness?: Runner["liveness"] } = {},
) {
  const { liveness = "told" } = options;
  const lines: (readonly [string, Readonly<Record<string, unknown>>])[] = [];
  const note = (message: string, attributes = {}) => void lines.push([message, attributes]);
  const log: Logger = { debug() {}, info: note, warn: note, error: note, with: () => log };
  const fake = createFakeProcess(options);
  const instance = createInstance(fake.process, {
    label: "a/b:0.0.1",
    codec: liveness === "told" ? createSdkCodec() : createPlainCodec({ heartbeat: liveness === "asked" }),
    liveness,
    log,
    maxLineBytes: 10_000,
    budgetBytes: 1000,
    stallMs: 60_000,
    startTimeoutMs: 60_000,
    silenceMs: 0,
    termGraceMs: 60_000,
    ...settings,
  });
  const open = (sessionId: string) =>
    instance.sessions.open(
      {
        sessionId,
        session: { conversationId: null, messageId: null, appId: null, endpointId: null, context: null },
        data: {},
        decodeItem: (_value, raw) => raw,
        onBackwardsCall: async () => undefined,
        timeoutMs: 60_000,
      },
      never,
    );
  const item = (sessionId: string, text: string) =>
    fake.out(
      `{"event":"session","session_id":"${sessionId}","data":{"type":"stream","data":${JSON.stringify(text)}}}\n`,
    );
  return { instance, fake, open, item, lines };
}

describe("createInstance()", () => {
  test("is ready with the first heartbeat, and stays ready", async () => {
    const { instance, fake } = setUp();
    fake.out(FAKE_BEAT);
    await instance.ready;
    fake.exit({ code: 0 });
    expect(await instance.ended).toBe("it exited with 0");
    await instance.ready;
  });

  test("an end before the first heartbeat explains itself with the end of stderr", async () => {
    const { instance, fake } = setUp();
    fake.err("Traceback\n  no module named x");
    fake.exit({ code: 1 });
    expect(await rejection(instance.ready)).toMatchObject({
      code: "unavailable",
      message:
        'Cannot start plugin "a/b:0.0.1": it exited with 1 before its first heartbeat\nTraceback\n  no module named x',
    });
  });

  test("is ended when it gives no heartbeat in time", async () => {
    const { instance, fake } = setUp({ startTimeoutMs: 5 });
    expect(await rejection(instance.ready)).toMatchObject({
      message: expect.stringContaining("it gave no heartbeat within 0 seconds before"),
    });
    expect(fake.signals).toEqual(["SIGKILL"]);
  });

  test.each([
    [{ signal: "SIGSEGV" }, "it was ended by SIGSEGV"],
    [{ signal: "SIGKILL", outOfMemory: true }, "it used more memory than its limit"],
    [{ code: 3 }, "it exited with 3"],
  ])("an exit with %j ends every call and says why", async (exit, why) => {
    const { instance, fake, open } = setUp();
    const invocation = await open("s");
    fake.exit(exit);
    expect(await invocation.ended).toMatchObject({
      kind: "connection_closed",
      error: { error_type: "ConnectionClosedError", message: expect.stringContaining(why) },
    });
    expect(await instance.ended).toStartWith(why);
  });

  test("a plugin that closes its stdin is ended, and nothing is lost with it", async () => {
    const { instance, fake, open } = setUp();
    fake.closeStdin();
    await expect(open("s")).rejects.toThrow(TransportClosedError);
    expect(await instance.ended).toBe("it closed its stdin");
    expect(instance.sessions.count).toBe(0);
  });

  test("a plugin that closes its stdout is ended", async () => {
    const { instance, fake } = setUp();
    fake.closeStdout();
    expect(await instance.ended).toBe("it closed its stdout");
    expect(fake.signals).toEqual(["SIGKILL"]);
  });

  test("the end is seen though a client reads nothing and a grandchild holds the pipes", async () => {
    const { instance, fake, open, item } = setUp();
    const invocation = await open("slow");
    for (let i = 0; i < 5; i++) item("slow", "x".repeat(400));
    await until("reading is paused", () => instance.sessions.paused);
    fake.exit({ code: 1 }, { holdPipes: true });
    expect(await instance.ended).toBe("it exited with 1");
    expect((await invocation.ended).kind).toBe("connection_closed");
  });

  test("stop() waits for open calls within its limit, then asks, then forces", async () => {
    const { instance, fake, open } = setUp(
      { termGraceMs: 5 },
      { onSignal: (name, process) => name === "SIGKILL" && process.exit({ signal: name }) },
    );
    const invocation = await open("s");
    await instance.stop(5);
    expect(fake.signals).toEqual(["SIGTERM", "SIGKILL"]);
    expect(await instance.ended).toBe("it was stopped");
    expect((await invocation.ended).kind).toBe("connection_closed");
  });

  test("stop() ends an idle plugin at once; a second one and a kill are fine", async () => {
    const { instance, fake } = setUp();
    await Promise.all([instance.stop(60_000), instance.stop(60_000), instance.kill()]);
    expect(await instance.ended).toBe("it was ended by force");
    await instance.stop(60_000);
    expect(fake.signals).toEqual(["SIGKILL"]);
  });

  test("a line on stderr without end costs a bounded amount and is told", async () => {
    const { instance, fake, lines } = setUp();
    for (let i = 0; i < 40; i++) fake.err("=".repeat(4096));
    fake.err("\r\ndone\r\n\n");
    fake.exit({ code: 0 });
    await instance.ended;
    expect(lines.map(([message, { line }]) => [message, String(line).slice(-20)])).toEqual(
      [
        ["Plugin stderr", "==… (163841 bytes)"],
        ["Plugin stderr", "done"],
      ].map(([message, line]) => [message ?? "", expect.stringContaining(line ?? "")]),
    );
  });
});

describe("createInstance() of a plugin that is asked for heartbeats", () => {
  const ASK = '{"type":"heartbeat","action":"heartbeat"}\n';
  const ACK = '{"type":"heartbeat_ack"}\n';
  const heartbeat = { everyMs: 20, withinMs: 10 };

  test("is ready with its first answer, and restarted when it gives none twice in a row", async () => {
    const { instance, fake, lines } = setUp({ heartbeat }, { liveness: "asked" });
    expect(fake.written).toEqual([ASK]);
    fake.out(ACK);
    await instance.ready;
    expect(instance.healthy).toBe(true);
    expect(await instance.ended).toContain("it missed two heartbeats in a row");
    expect(instance.healthy).toBe(false);
    expect(lines.map(([message]) => message)).toContain("Plugin missed a heartbeat");
    expect(fake.written).toEqual([ASK, ASK, ASK]);
    expect(fake.signals).toEqual(["SIGKILL"]);
  });

  test("one without heartbeats is ready as long as it runs, and is not asked", async () => {
    const { instance, fake } = setUp({ heartbeat, silenceMs: 1 }, { liveness: "none" });
    await instance.ready;
    expect(fake.written).toEqual([]);
    fake.exit({ code: 0 });
    await instance.ended;
  });

  test("one without heartbeats that ends at once was never ready", async () => {
    const { instance, fake } = setUp({}, { liveness: "none" });
    fake.exit({ code: 3 });
    await expect(instance.ready).rejects.toThrow("exited with 3");
  });
});
