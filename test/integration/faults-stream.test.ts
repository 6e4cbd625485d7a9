import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { until } from "../support/processes.ts";
import { openRawCall, rawToolRequest } from "../support/raw-call.ts";

setDefaultTimeout(30_000);

const FIRST_ITEM_MS = 400;

let daemon: LocalDaemon;
let pluginId: string;

beforeAll(async () => {
  daemon = await startTestDaemon({ env: { PLUGIN_MAX_EXECUTION_TIMEOUT: "1" } });
  ({ pluginId } = await daemon.api.install({ name: "streams" }));
});
afterAll(() => daemon[Symbol.asyncDispose]());

test("no byte comes before the first item", async () => {
  const request = rawToolRequest(daemon, { pluginId, parameters: { mode: "block", ms: FIRST_ITEM_MS } });
  const began = performance.now();
  let firstByteMs = 0;
  const call = await openRawCall({
    port: daemon.port,
    request,
    onData: () => (firstByteMs ||= performance.now() - began),
  });
  await until("it was answered", () => call.receivedBytes > 0);
  expect(firstByteMs).toBeGreaterThanOrEqual(FIRST_ITEM_MS - 5);
  call.terminate();
});

test("each item comes when the plugin wrote it, the head with the first", async () => {
  const call = await openRawCall({
    port: daemon.port,
    request: rawToolRequest(daemon, {
      pluginId,
      parameters: { mode: "items", n: 4, delay_ms: 150, size: 1 },
    }),
  });
  const seen: number[] = [];
  await until(
    "all has come",
    () => {
      const items = call.text().split("\ndata: ").length - 1;
      if (items > 0 && items !== seen.at(-1)) seen.push(items);
      return call.text().endsWith("0\r\n\r\n");
    },
    { everyMs: 5 },
  );
  expect(seen).toEqual([1, 2, 3, 4]);
  expect(call.text()).toStartWith("HTTP/1.1 200 OK\r\n");
  expect(call.text().toLowerCase()).toContain("\r\ncontent-type: text/event-stream\r\n");
  call.terminate();
});

test("a stream without an item is 200 with an empty body", async () => {
  const answer = await daemon.api.call(pluginId, { mode: "end-only" });
  expect(answer).toMatchObject({ status: 200, type: "text/event-stream", text: "" });
});

test("a call that takes too long ends with killed by timeout as its last frame", async () => {
  const began = performance.now();
  const [silent, talking] = await Promise.all([
    daemon.api.call(pluginId, { mode: "hang" }),
    daemon.api.call(pluginId, { mode: "items", n: 1000, delay_ms: 50 }),
  ]);
  expect(performance.now() - began).toBeLessThan(2500);
  const frame =
    'data: {"code":-500,"message":"{\\"message\\":\\"killed by timeout\\",\\"error_type\\":\\"PluginDaemonInternalServerError\\",\\"args\\":null}","data":null}\n\n';
  expect([silent.status, silent.type, silent.text]).toEqual([200, "text/event-stream", frame]);
  expect(talking.items.length).toBeGreaterThan(5);
  expect(talking.text.endsWith(`\n\n${frame}`)).toBe(true);
  expect(await daemon.api.health()).toMatchObject({ busy: 0 });
  // What it sends for them afterwards reaches nobody else.
  expect((await daemon.api.call(pluginId, { mode: "items", n: 3, delay_ms: 60 })).items).toHaveLength(3);
});
