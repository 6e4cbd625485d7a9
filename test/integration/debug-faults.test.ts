/** Clients of the debug server that are broken, hostile or unlucky. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { OTHER_TENANT, readCall, TENANT } from "../support/daemon-api.ts";
import {
  ASSET,
  connectDebug,
  type DebugClient,
  debugKey,
  END,
  end,
  handshake,
  item,
  manifestMessage,
  registration,
  session,
  toolMessage,
} from "../support/debug-client.ts";
import {
  debugConnections,
  type DebugDaemon,
  nextRequest,
  startDebugDaemon,
} from "../support/debug-daemon.ts";
import { until } from "../support/processes.ts";
import { rejection } from "../support/rejection.ts";

setDefaultTimeout(60_000);

const PLUGIN = "tests/debugged";
const INVALID = "handshake failed, invalid handshake message";
const BUSY = "server is busy now, please try again later";
/** Another address of this machine than the one that connections come from. */
const ELSEWHERE = { address: "127.0.0.2" };

async function refused(daemon: DebugDaemon, ...messages: readonly (object | string)[]): Promise<unknown[]> {
  await using client = await connectDebug(daemon.debugPort);
  client.send(...messages);
  return await client.rest();
}

/** It answers, and a client can register and be called. */
async function serves(daemon: DebugDaemon): Promise<void> {
  await using client = await daemon.register({ manifest: { name: "healthy" } });
  const answer = daemon.api.call("tests/healthy", {});
  const { session_id } = await nextRequest(client);
  client.send(item(session_id, "fine"), end(session_id));
  expect((await answer).items).toHaveLength(1);
}

describe("before the handshake", () => {
  test("garbage is refused, and nothing of it is registered", async () => {
    await using daemon = await startDebugDaemon();
    const garbage = [
      "hello",
      "GET / HTTP/1.1\r\nHost: x\r\n",
      "null",
      "[]",
      "{}",
      '{"type":"handshake"}',
      '{"data":{}}',
      "[".repeat(100_000),
      '{"type":"handshake","data":{"key":{"key":"x"}}}',
      JSON.stringify(manifestMessage()),
      JSON.stringify(END),
    ];
    for (const line of garbage) expect(await refused(daemon, line)).toEqual([INVALID]);
    for (const bytes of [crypto.getRandomValues(new Uint8Array(4096)), new Uint8Array(1000)]) {
      await using client = await connectDebug(daemon.debugPort);
      client.sendRaw(bytes);
      client.sendRaw("\n");
      expect(await client.rest()).toEqual([INVALID]);
    }
    expect(await refused(daemon, handshake("no key"))).toEqual(["handshake failed, invalid key"]);
    expect(await daemon.listed()).toEqual({});
    await serves(daemon);
  });

  test("a line of 100 MB without an end is cut off early", async () => {
    await using daemon = await startDebugDaemon();
    await using client = await connectDebug(daemon.debugPort);
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    const piece = new Uint8Array(1_000_000).fill(120);
    let sent = 0;
    const isClosed = client.closed.then(() => true);
    for (; sent < 100; sent++) {
      client.sendRaw(piece);
      // Whether the other side is still there is only seen between two turns of the loop.
      await new Promise((resolve) => setImmediate(resolve));
      if (
        await Promise.race([
          isClosed,
          until("it was sent", () => client.unsent < 4_000_000).then(() => false),
        ])
      )
        break;
    }
    expect(sent).toBeLessThan(100);
    expect(process.memoryUsage.rss() - before).toBeLessThan(60_000_000);
    await client.closed;
    await serves(daemon);
  });

  test("one byte at a time does not outlast the time for the key", async () => {
    await using daemon = await startDebugDaemon({ env: { PLUGD_DEBUG_HANDSHAKE_TIMEOUT: "1s" } });
    await using client = await connectDebug(daemon.debugPort);
    const began = performance.now();
    const drip = setInterval(() => client.sendRaw(" "), 50);
    expect(await client.rest()).toEqual([]);
    clearInterval(drip);
    expect(performance.now() - began).toBeWithin(900, 4000);
  });

  test("1,000 idle connections keep nobody else out, and are closed", async () => {
    await using daemon = await startDebugDaemon({ env: { PLUGD_DEBUG_HANDSHAKE_TIMEOUT: "3s" } });
    const clients: DebugClient[] = [];
    for (let n = 0; n < 1000; n++) clients.push(await connectDebug(daemon.debugPort));
    const answers = await Promise.all(clients.slice(64).map((client) => client.rest()));
    expect(answers.every(([line]) => line === BUSY)).toBe(true);
    await using client = await connectDebug(daemon.debugPort, ELSEWHERE);
    client.send(...registration(await debugKey(daemon.api)));
    await until("it is registered", async () => (await daemon.listed())[PLUGIN] !== undefined);
    expect(await Promise.all(clients.slice(0, 64).map((idle) => idle.rest()))).toEqual(
      clients.slice(0, 64).map(() => []),
    );
    expect(await (await daemon.api.request("/metrics/")).text()).toContain("\nplugin_debug_connections 1\n");
    await serves(daemon);
  });

  test("100 wrong keys from one address are soon not looked at, and another address is free", async () => {
    await using daemon = await startDebugDaemon();
    const counts: Record<string, number> = {};
    for (let n = 0; n < 100; n++) {
      const [line] = await refused(daemon, handshake(crypto.randomUUID()));
      counts[String(line)] = (counts[String(line)] ?? 0) + 1;
    }
    const limited = "handshake failed, too many invalid keys from this address, try again in a minute";
    expect(counts).toEqual({ "handshake failed, invalid key": 30, [limited]: 70 });
    const key = await debugKey(daemon.api);
    expect(await refused(daemon, handshake(key))).toEqual([limited]);
    await using client = await connectDebug(daemon.debugPort, ELSEWHERE);
    client.send(...registration(key));
    await until("it is registered", async () => (await daemon.listed())[PLUGIN] !== undefined);
  });

  test("connections in all are limited", async () => {
    await using daemon = await startDebugDaemon({ env: { PLUGIN_REMOTE_INSTALLING_MAX_CONN: "2" } });
    await using first = await connectDebug(daemon.debugPort);
    await using second = await connectDebug(daemon.debugPort, ELSEWHERE);
    await using third = await connectDebug(daemon.debugPort, { address: "127.0.0.3" });
    expect(await third.rest()).toEqual([BUSY]);
    first.hangUp();
    second.hangUp();
    await until("there is room", async () =>
      (await (await daemon.api.request("/metrics/")).text()).includes("plugin_debug_connections 0"),
    );
    await serves(daemon);
  });
});

describe("a registration", () => {
  test("is refused with one line for what is broken in it, and leaves nothing", async () => {
    await using daemon = await startDebugDaemon();
    const key = handshake(await debugKey(daemon.api));
    const [manifest, tool] = [manifestMessage(), toolMessage()];
    const cases: readonly (readonly [readonly object[], RegExp])[] = [
      [
        [key, manifest, tool, END],
        /^assets remap failed, invalid assets data, cannot remap: file not found: icon.svg$/,
      ],
      [
        [key, manifestMessage({ author: "Big" }), tool, ASSET, END],
        /^register failed, invalid manifest detected: author must be/,
      ],
      [
        [key, manifestMessage({ meta: null })],
        /^handshake failed, invalid plugin declaration: meta.version: is missing/,
      ],
      [
        [key, manifest, { type: "endpoint_declaration", data: [{ endpoints: [{ path: "/a" }] }] }],
        /^endpoints register failed/,
      ],
      [
        [
          key,
          manifest,
          tool,
          ASSET,
          { type: "model_declaration", data: [{ provider: "p", label: { en_US: "P" }, models: [] }] },
          END,
        ],
        /^register failed, invalid manifest detected: model and .* cannot be provided at the same time$/,
      ],
    ];
    for (const [messages, first] of cases) expect((await refused(daemon, ...messages))[0]).toMatch(first);
    expect(await refused(daemon, key, "{")).toEqual([INVALID]);
    expect(await daemon.listed()).toEqual({});
    await serves(daemon);
  });

  test("that a client leaves in the middle of a file leaves nothing", async () => {
    await using daemon = await startDebugDaemon();
    const key = await debugKey(daemon.api);
    await using client = await connectDebug(daemon.debugPort);
    const half = JSON.stringify({ type: "asset_chunk", data: { filename: "a", data: "A".repeat(100_000) } });
    client.send(handshake(key), manifestMessage(), toolMessage());
    client.sendRaw(half.slice(0, 50_000));
    await until("it was sent", () => client.unsent === 0);
    client.hangUp();
    await until("the connection is gone", async () =>
      (await (await daemon.api.request("/metrics/")).text()).includes("plugin_debug_connections 0"),
    );
    expect(await daemon.listed()).toEqual({});
    await serves(daemon);
  });

  test("has a limit in time", async () => {
    await using daemon = await startDebugDaemon({ env: { PLUGD_DEBUG_REGISTRATION_TIMEOUT: "1s" } });
    const key = await debugKey(daemon.api);
    expect(await refused(daemon, handshake(key), manifestMessage())).toEqual([
      "register failed, it took too long",
    ]);
  });

  test("of one tenant too many is refused, and others are not", async () => {
    await using daemon = await startDebugDaemon({
      env: { PLUGIN_REMOTE_INSTALLING_MAX_SINGLE_TENANT_CONN: "1" },
    });
    await using first = await daemon.register();
    expect(await refused(daemon, ...registration(await debugKey(daemon.api), { name: "second" }))).toEqual([
      BUSY,
    ]);
    await using other = await daemon.register({ tenant: OTHER_TENANT });
    first.hangUp();
    await until("the place is free", async () => (await debugConnections(daemon)) === 1);
    await serves(daemon);
    other.hangUp();
  });
});

describe("a registered connection", () => {
  test("that is silent is closed, and one that beats is not", async () => {
    await using daemon = await startDebugDaemon({ env: { PLUGD_DEBUG_SILENCE_TIMEOUT: "2s" } });
    await using silent = await daemon.register();
    await using alive = await daemon.register({ manifest: { name: "alive" } });
    const beat = setInterval(() => alive.send({ event: "heartbeat", session_id: null, data: {} }), 200);
    try {
      await silent.closed;
      expect((await daemon.listed())["tests/alive"]).toBeDefined();
      expect(await debugConnections(daemon)).toBe(1);
    } finally {
      clearInterval(beat);
    }
  });

  test("that writes a line above the limit loses that call and nothing else", async () => {
    await using daemon = await startDebugDaemon({ env: { PLUGIN_RUNTIME_MAX_BUFFER_SIZE: "100000" } });
    await using client = await daemon.register();
    const answer = daemon.api.call(PLUGIN, {});
    const { session_id } = await nextRequest(client);
    client.send(item(session_id, "x".repeat(200_000)));
    expect((await answer).failure).toMatchObject({ error_type: "PluginMessageTooLargeError" });
    const next = daemon.api.call(PLUGIN, {});
    const request = await nextRequest(client);
    client.send(item(request.session_id, "fine"), end(request.session_id));
    expect((await next).items).toHaveLength(1);
  });

  test("that floods a client who does not read is held back, and other calls go on", async () => {
    await using daemon = await startDebugDaemon({
      env: { PLUGD_PLUGIN_BUFFER_BYTES: "1000000", PLUGD_STALL_TIMEOUT: "60s" },
    });
    await using client = await daemon.register();
    const leave = new AbortController();
    const response = daemon.api.open(PLUGIN, {}, { signal: leave.signal });
    const { session_id } = await nextRequest(client);
    const line = `${JSON.stringify(item(session_id, "x".repeat(10_000)))}\n`;
    client.sendRaw(line.repeat(5000));
    await response;
    await until("the plugin has to wait", () => client.unsent > 1_000_000);
    leave.abort();
    await until("everything was read", () => client.unsent === 0);
    const next = daemon.api.call(PLUGIN, {});
    const request = await nextRequest(client);
    client.send(end(request.session_id));
    expect((await next).failure).toBeUndefined();
  });

  test("that hangs up in the middle of a stream and of a line ends the call", async () => {
    await using daemon = await startDebugDaemon();
    await using client = await daemon.register();
    const opened = daemon.api.open(PLUGIN, {});
    const { session_id } = await nextRequest(client);
    client.send(item(session_id, "whole"));
    client.sendRaw(JSON.stringify(item(session_id, "y".repeat(50_000))).slice(0, 25_000));
    const response = await opened;
    await until("it was sent", () => client.unsent === 0);
    client.hangUp();
    const { items, failure } = await readCall(response);
    expect(items).toMatchObject([{ message: { text: "whole" } }]);
    expect(failure).toMatchObject({ error_type: "ConnectionClosedError" });
  });

  test("answers sessions that are not its own for nothing", async () => {
    await using daemon = await startDebugDaemon();
    await using mine = await daemon.register();
    await using other = await daemon.register({ tenant: OTHER_TENANT, manifest: { name: "other" } });
    const answer = daemon.api.call(PLUGIN, {});
    const { session_id } = await nextRequest(mine);
    other.send(item(session_id, "forged"), session(session_id, { type: "end", data: {} }));
    const second = daemon.api.call("tests/other", {}, { tenant: OTHER_TENANT });
    const request = await nextRequest(other);
    other.send(end(request.session_id));
    await second;
    mine.send(item(session_id, "true"), end(session_id));
    expect((await answer).items).toMatchObject([{ message: { text: "true" } }]);
  });
});

describe("a daemon", () => {
  test("does not start where the port that it was told is taken, and says which", async () => {
    await using daemon = await startDebugDaemon();
    const second = startDebugDaemon({ env: { PLUGIN_REMOTE_INSTALLING_PORT: String(daemon.debugPort) } });
    expect(await rejection(second)).toMatchObject({
      code: "startup",
      message: `Cannot listen for debugging on 127.0.0.1:${daemon.debugPort}: EADDRINUSE`,
      hint: expect.stringContaining("PLUGIN_REMOTE_INSTALLING_PORT"),
    });
  });

  test("does not start with a certificate that cannot be read, or with half of it", async () => {
    const cert = { PLUGD_DEBUG_TLS_CERT_FILE: "/nowhere/cert.pem" };
    const missing = startDebugDaemon({ env: { ...cert, PLUGD_DEBUG_TLS_KEY_FILE: "/nowhere/key.pem" } });
    expect(await rejection(missing)).toMatchObject({
      code: "startup",
      message: expect.stringContaining('Cannot read "/nowhere/cert.pem"'),
      hint: "Correct PLUGD_DEBUG_TLS_CERT_FILE",
    });
    expect(await rejection(startDebugDaemon({ env: cert }))).toMatchObject({
      message: expect.stringContaining(
        "PLUGD_DEBUG_TLS_KEY_FILE must be set when PLUGD_DEBUG_TLS_CERT_FILE is",
      ),
    });
  });
});

describe("the key", () => {
  test("is one for each tenant, and takes no part in what is not debugged", async () => {
    await using daemon = await startDebugDaemon();
    const key = await debugKey(daemon.api);
    expect(await debugKey(daemon.api)).toBe(key);
    expect(await debugKey(daemon.api, OTHER_TENANT)).not.toBe(key);
    const unauthorized = await daemon.api.request(`/plugin/${TENANT}/debugging/key`, {
      method: "POST",
      headers: { "x-api-key": "wrong" },
    });
    expect(unauthorized.status).toBe(401);
    expect(daemon.log()).not.toContain(key);
  });

  test("is not to be had where debugging is off", async () => {
    await using daemon = await startDebugDaemon({ env: { PLUGIN_REMOTE_INSTALLING_ENABLED: "false" } });
    const response = await daemon.api.request(`/plugin/${TENANT}/debugging/key`, { method: "POST" });
    expect(response.status).toBe(404);
  });
});
