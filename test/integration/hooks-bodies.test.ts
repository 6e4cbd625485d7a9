import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type ChildDaemon, spawnTestDaemon } from "../support/daemon.ts";
import { type Installed, readAnswer } from "../support/daemon-api.ts";
import { until } from "../support/processes.ts";
import { openRawCall, type RawCall } from "../support/raw-call.ts";
import { callHook, endpointsOf, hex, script } from "./hooks-support.ts";

setDefaultTimeout(60_000);

const MIB = 1024 * 1024;
const LIMIT = 10 * MIB;
const BUFFER_BYTES = 8 * MIB;

let daemon: ChildDaemon;
let plugin: Installed;
let endpoints: ReturnType<typeof endpointsOf>;

beforeAll(async () => {
  daemon = await spawnTestDaemon({ env: { PLUGD_PLUGIN_BUFFER_BYTES: String(BUFFER_BYTES) } });
  endpoints = endpointsOf(daemon);
  plugin = await daemon.api.install({ name: "bodies", endpoints: "plain" });
});
afterAll(() => daemon[Symbol.asyncDispose]());

function rssBytes(): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

/** Looks at the daemon's memory until stopped; answers by how much it grew at most. */
function watchMemory(): () => number {
  const before = rssBytes();
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, rssBytes())), 10);
  return () => {
    clearInterval(timer);
    return Math.max(most, rssBytes()) - before;
  };
}

/** Processor time that a process has used, in ticks. */
function cpuTicks(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

const idle = () => until("no session is left", async () => (await daemon.api.health()).busy === 0);

/** A body of this many bytes, in chunks, as nobody knows its length. */
function stream(bytes: number): ReadableStream<Uint8Array> {
  let left = bytes;
  return new ReadableStream({
    pull(controller) {
      const size = Math.min(left, 256 * 1024);
      if (size > 0) controller.enqueue(new Uint8Array(size));
      else controller.close();
      left -= size;
    },
  });
}

/** The plugin answers with the length of the message that it got. */
const lengthOf = async (response: Response) => (await response.bytes()).byteLength;

describe("a body", () => {
  test("of 10 MiB arrives whole, at once or in chunks", async () => {
    const path = await endpoints.setUp(plugin.identifier, { mode: "webhook", size: 100_000 });
    for (const body of [new Uint8Array(LIMIT), stream(LIMIT)]) {
      const response = await callHook(daemon, `${path}/`, { method: "POST", body });
      const bytes = Buffer.from(await response.arrayBuffer());
      const head = bytes.subarray(0, bytes.indexOf("\r\n\r\n") + 4);
      expect(head.toString()).toContain(`\r\nContent-Length: ${LIMIT}\r\n`);
      expect(bytes.byteLength - head.byteLength).toBe(LIMIT);
    }
  });

  test("of 50 MB is refused with words, and never held", async () => {
    const path = await endpoints.setUp(plugin.identifier, { mode: "webhook" });
    for (const body of [new Uint8Array(50_000_000), stream(50_000_000), stream(LIMIT + 1)]) {
      const grown = watchMemory();
      const answer = await readAnswer(await callHook(daemon, `${path}/`, { method: "POST", body }));
      expect([answer.status, answer.code, answer.failure?.error_type, answer.failure?.message]).toEqual([
        413,
        -400,
        "PluginDaemonBadRequestError",
        `Cannot take a body of more than ${LIMIT} bytes`,
      ]);
      expect(grown()).toBeLessThan(48 * MIB);
    }
    expect((await callHook(daemon, `${path}/`, { method: "POST", body: "small" })).status).toBe(200);
    await idle();
  });

  test("of a hook that there is not is never read", async () => {
    const call = await openRawCall({
      port: daemon.port,
      request: "POST /e/0123456789abcdef/x HTTP/1.1\r\nHost: h\r\nContent-Length: 50000000\r\n\r\nonly this",
    });
    await until("it is answered", () => call.text().includes("endpoint not found"));
    expect(call.text()).toStartWith("HTTP/1.1 404 ");
    call.terminate();
  });

  test("of a slow sender arrives, and holds up nobody", async () => {
    const path = await endpoints.setUp(plugin.identifier, { mode: "webhook" });
    const call = await openRawCall({
      port: daemon.port,
      request: `POST ${path}/slow HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n`,
    });
    for (const letter of "abcde") {
      call.write(`1\r\n${letter}\r\n`);
      expect(await lengthOf(await callHook(daemon, `${path}/other`))).toBeGreaterThan(100);
    }
    expect(call.text()).toBe("");
    expect((await daemon.api.health()).busy).toBe(0);
    call.write("0\r\n\r\n");
    await until("it is answered", () => call.text().includes("Content-Length: 5\r\n"));
    call.terminate();
  });

  test("that is never finished leaves nothing behind when its sender leaves", async () => {
    const path = await endpoints.setUp(plugin.identifier, { mode: "webhook" });
    const request = `POST ${path}/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nbegun`;
    const calls = await Promise.all(
      Array.from({ length: 50 }, () => openRawCall({ port: daemon.port, request })),
    );
    await until("all are open", async () => (await daemon.api.health()).active >= 50);
    calls.forEach((call, at) => (at % 2 === 0 ? call.terminate() : call.end()));
    await until("none is", async () => (await daemon.api.health()).active === 0);
  });
});

test("5,000 calls of hooks that there are not are answered fast, and warn of nothing", async () => {
  const before = daemon.log().length;
  const began = performance.now();
  for (let round = 0; round < 50; round++)
    await Promise.all(
      Array.from({ length: 100 }, async (_, at) => {
        const response = await callHook(
          daemon,
          `/e/${String(round * 100 + at).padStart(16, "x")}/?token=abc`,
        );
        expect(response.status).toBe(404);
        await response.bytes();
      }),
    );
  // Far above what it takes, far below what a log of errors or a body for each would.
  expect(performance.now() - began).toBeLessThan(20_000);
  const log = daemon.log().slice(before);
  expect(log).not.toMatch(/ (WARN|ERROR) /);
  expect(log).not.toContain("token");
});

/** A call whose client reads nothing from the first byte on. */
async function stuckCall(path: string): Promise<RawCall> {
  let paused = false;
  const call = await openRawCall({
    port: daemon.port,
    request: `GET ${path}/ HTTP/1.1\r\nHost: h\r\n\r\n`,
    keep: false,
    onData(arrived) {
      if (!paused) arrived.pause();
      paused = true;
    },
  });
  await until("the answer has begun", () => call.receivedBytes > 0);
  return call;
}

describe("a client of a streamed answer", () => {
  test("that does not read makes the plugin wait, and costs no more than the budget", async () => {
    const size = 100_000;
    const n = 2000;
    const { pid } = await daemon.api.facts(plugin.pluginId);
    const path = await endpoints.setUp(plugin.identifier, { mode: "webhook-flood", size, n });
    const grown = watchMemory();
    const call = await stuckCall(path);
    let cpu = -1;
    let stillLooks = 0;
    await until(
      "the plugin has stood still for a second",
      () => {
        const now = cpuTicks(pid);
        stillLooks = now === cpu ? stillLooks + 1 : 0;
        cpu = now;
        return stillLooks === 10;
      },
      { everyMs: 100 },
    );
    expect(call.receivedBytes).toBeLessThan((size * n) / 4);
    expect(grown()).toBeLessThan(BUFFER_BYTES + 80 * MIB);
    call.resume();
    await until("all has arrived", () => call.receivedBytes >= size * n, { withinMs: 30_000 });
    call.terminate();
    await idle();
  });

  test("that leaves, before or after the head, ends the session", async () => {
    const paths = [
      await endpoints.setUp(plugin.identifier, script([], { hang: true })),
      await endpoints.setUp(
        plugin.identifier,
        script([{ item: { status: 200, result: hex("begun") } }], { hang: true }),
      ),
    ];
    for (const path of paths)
      for (const leave of ["terminate", "end"] as const) {
        const call = await openRawCall({
          port: daemon.port,
          request: `GET ${path}/ HTTP/1.1\r\nHost: h\r\n\r\n`,
        });
        await until("it has a session", async () => (await daemon.api.health()).busy === 1);
        if (path === paths[1]) await until("it has the head", () => call.text().includes("begun"));
        call[leave]();
        await idle();
      }
  });
});
