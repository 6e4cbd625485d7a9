import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { Database } from "bun:sqlite";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type ChildDaemon, spawnTestDaemon } from "../support/daemon.ts";
import { TENANT } from "../support/daemon-api.ts";
import { until } from "../support/processes.ts";
import { openRawCall, type RawCall, rawToolRequest } from "../support/raw-call.ts";

setDefaultTimeout(60_000);

const MIB = 1024 * 1024;
const AT_ONCE = 100;

let daemon: ChildDaemon;
let pluginId: string;

beforeAll(async () => {
  daemon = await spawnTestDaemon({ env: { LOG_LEVEL: "warn" } });
  ({ pluginId } = await daemon.api.install({ name: "left" }));
});
afterAll(() => daemon[Symbol.asyncDispose]());

interface Traces {
  readonly rssBytes: number;
  readonly openFiles: number;
}

function traces(): Traces {
  const status = readFileSync(`/proc/${daemon.pid}/status`, "utf8");
  return {
    rssBytes: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024,
    openFiles: readdirSync(`/proc/${daemon.pid}/fd`).length,
  };
}

/** `count` clients at once; each leaves when `ready` says so. */
async function leaving(
  count: number,
  options: {
    readonly parameters: Readonly<Record<string, unknown>>;
    readonly ready: (calls: readonly RawCall[]) => Promise<void>;
    readonly leave: (call: RawCall) => unknown;
  },
): Promise<void> {
  const request = rawToolRequest(daemon, { pluginId, parameters: options.parameters });
  const calls = await Promise.all(
    Array.from({ length: count }, () => openRawCall({ port: daemon.port, request })),
  );
  await options.ready(calls);
  for (const call of calls) options.leave(call);
}

const FIRST_CHUNK = (calls: readonly RawCall[]) =>
  until("all have their first chunk", () => calls.every(({ receivedBytes }) => receivedBytes > 0));
/** The daemon has the call, and no byte of an answer was sent. */
const ACCEPTED = (calls: readonly RawCall[]) =>
  until("all are open", async () => (await daemon.api.health()).busy >= calls.length);

const gone = () => until("no session is left", async () => (await daemon.api.health()).busy === 0);

/** Clients leave in each way, `AT_ONCE` at a time. */
async function wave(clients: number): Promise<void> {
  const reset = (call: RawCall) => call.terminate();
  const goodbye = (call: RawCall) => call.end();
  // The plugin is not told, and goes on for a while.
  const streaming = { mode: "items", n: 10, delay_ms: 30, size: 1000 };
  const ways = [
    { parameters: streaming, ready: FIRST_CHUNK, leave: reset },
    { parameters: streaming, ready: FIRST_CHUNK, leave: goodbye },
    { parameters: { mode: "hang" }, ready: ACCEPTED, leave: reset },
    { parameters: { mode: "hang" }, ready: ACCEPTED, leave: goodbye },
    { parameters: { mode: "flood", n: 100, size: 10_000 }, ready: FIRST_CHUNK, leave: reset },
  ];
  for (let left = clients, way = 0; left > 0; left -= AT_ONCE, way = (way + 1) % ways.length) {
    const how = ways[way];
    if (how) await leaving(Math.min(left, AT_ONCE), how);
    await gone();
  }
}

test("1,000 clients that leave, before or after the first chunk, leave nothing behind", async () => {
  // What a daemon keeps once it has had some load is no leak.
  await wave(500);
  const { pid } = await daemon.api.facts(pluginId);
  const before = traces();
  await wave(1000);

  expect(await daemon.api.health()).toMatchObject({ busy: 0 });
  await until("all files are closed", () => traces().openFiles <= before.openFiles + 2);
  // Garbage is collected when there is time for it.
  await until("its memory is back", () => traces().rssBytes <= before.rssBytes + 16 * MIB, {
    withinMs: 20_000,
    everyMs: 200,
  });
  const metrics = await (await daemon.api.request("/metrics/")).text();
  for (const [line] of metrics.matchAll(/^\w*active\w*\{[^}]*plugin_id="tests\/left".*$/gm))
    expect(line).toEndWith(" 0");

  // The plugin never learned of it, and serves on in the same process.
  const later = await daemon.api.call(pluginId, { mode: "items", n: 5, delay_ms: 1 });
  expect([later.items.length, later.failure]).toEqual([5, undefined]);
  expect((await daemon.api.facts(pluginId)).pid).toBe(pid);

  await until("all sessions are written as ended", () => {
    const counts = sessionCounts();
    return !("open" in counts) && (counts["client_disconnect"] ?? 0) >= 1000;
  });
});

test("clients that leave in the middle of a body open no session and store nothing", async () => {
  const head = [
    `POST /plugin/${TENANT}/management/install/upload/package HTTP/1.1`,
    "Host: 127.0.0.1",
    `X-Api-Key: ${daemon.key}`,
    "Content-Type: multipart/form-data; boundary=b",
    "Content-Length: 1000000",
    "",
    '--b\r\nContent-Disposition: form-data; name="dify_pkg"; filename="p"\r\n\r\nPK',
  ].join("\r\n");
  const body = rawToolRequest(daemon, { pluginId, parameters: { text: "x".repeat(1000) } }).slice(0, -500);
  const before = traces();
  const calls = await Promise.all(
    Array.from({ length: 100 }, (_, at) =>
      openRawCall({ port: daemon.port, request: at % 2 === 0 ? head : body }),
    ),
  );
  for (const call of calls) call.terminate();
  await until("all files are closed", () => traces().openFiles <= before.openFiles + 2);
  await gone();
  expect((await daemon.api.health()).active).toBe(0);
  expect((await daemon.api.call(pluginId, { text: "hi" })).items).toHaveLength(1);
});

/** Rows of the list of sessions by how they ended; `open` are those that did not. */
function sessionCounts(): Record<string, number> {
  using db = new Database(join(daemon.dataDir, "plugd.db"), { readonly: true });
  const rows = db
    .query<{ outcome: string; n: number }, []>(
      "SELECT coalesce(outcome, 'open') AS outcome, count(*) AS n FROM sessions GROUP BY 1",
    )
    .all();
  return Object.fromEntries(rows.map(({ outcome, n }) => [outcome, n]));
}
