import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { type ChildDaemon, spawnTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { eventsOf, installCalling } from "./backwards-support.ts";
import { type Endpoint, endpointsOf } from "./hooks-support.ts";
import { filesBelow, sum, temporaryFolder } from "./storage-support.ts";

setDefaultTimeout(120_000);

const ROUNDS = 3;
const OPERATIONS = 200;
const WORKERS = 8;
const KEYS_OF_WORKER = 3;
const ENDPOINTS_OF_WORKER = 4;
/** Above what the journal takes, and above a page, a pipe and a socket buffer. */
const SIZES = [0, 1, 100, 5_000, 70_000];

/** A thing that is changed: what was acknowledged last, and what may have happened since. */
interface Known<T> {
  acknowledged: T;
  pending: { readonly value: T } | undefined;
}

/** Hex of a value; null: there is none. */
type Stored = string | null;
/** JSON of what the list shows; null: there is none. */
type Shown = string | null;

interface Worker {
  readonly values: ReadonlyMap<string, Known<Stored>>;
  readonly endpoints: ReadonlyMap<string, Known<Shown>>;
}

interface Plugins {
  readonly storing: string;
  readonly hooks: string;
}

type Random = (below: number) => number;

test(`${ROUNDS} kills -9, each among ${OPERATIONS} random operations on storage and endpoints: nothing acknowledged is lost, nothing torn`, async () => {
  await using folder = await temporaryFolder();
  const workers = Array.from({ length: WORKERS }, (_, worker) => newWorker(worker));
  let plugins: Plugins | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    await using daemon = await spawnTestDaemon({ dataDir: folder.path });
    plugins ??= {
      storing: await installCalling(daemon, { name: "storing" }),
      hooks: (await daemon.api.install({ name: "hooks", endpoints: "plain" })).identifier,
    };
    await check(daemon, { plugins, workers });
    const unanswered = await work(daemon, { plugins, workers, random: randomOf(round + 1) });
    await daemon.exited;
    expect(unanswered).toBe(WORKERS);
  }

  await using last = await spawnTestDaemon({ dataDir: folder.path });
  if (!plugins) throw new Error("Nothing was installed");
  await check(last, { plugins, workers });
  const shown = workers.flatMap(({ endpoints }) => [...endpoints.values()]).map((one) => one.acknowledged);
  const listed = shown.filter((text) => text !== null);
  const rows = (await last.api.installations()) as unknown as readonly Record<string, unknown>[];
  const row = rows.find(({ plugin_id: id }) => id === "tests/hooks");
  expect([row?.["endpoints_setups"], row?.["endpoints_active"]]).toEqual([
    listed.length,
    listed.filter((text) => text.includes('"enabled":true')).length,
  ]);
  last.kill("SIGTERM");
  await last.exited;
  const values = workers.flatMap((worker) => [...worker.values.values()]);
  const bytes = sum(values.map(({ acknowledged }) => (acknowledged?.length ?? 0) / 2));
  expect(bytes).toBeGreaterThan(0);
  expect(sum(Object.values(await filesBelow(join(folder.path, "storage", "persistence"))))).toBe(bytes);
});

/** Each has things of its own, so that what it knows is the whole truth. */
function newWorker(worker: number): Worker {
  const known = <T>(names: readonly string[]) =>
    new Map(
      names.map((name): [string, Known<T | null>] => [name, { acknowledged: null, pending: undefined }]),
    );
  const numbered = (count: number, prefix: string) =>
    Array.from({ length: count }, (_, at) => `${prefix}${worker}-${at}`);
  return {
    // One is the folder of the others.
    values: known<string>([`w${worker}`, ...numbered(KEYS_OF_WORKER - 1, `w${worker}/k`)]),
    endpoints: known<string>(numbered(ENDPOINTS_OF_WORKER, "endpoint ")),
  };
}

/** Works until the daemon is gone, which it is about half-way. Answers how many operations got no answer. */
async function work(
  daemon: ChildDaemon,
  given: { readonly plugins: Plugins; readonly workers: readonly Worker[]; readonly random: Random },
): Promise<number> {
  const { plugins, workers, random } = given;
  const fatal = OPERATIONS / 2 + random(OPERATIONS / 4);
  let done = 0;
  let unanswered = 0;
  await Promise.all(
    workers.map(async (worker) => {
      while (done < OPERATIONS) {
        const operation = random(2) === 0 ? changeValue : changeEndpoint;
        const answered = await operation(daemon, { plugins, worker, random }).catch((error: unknown) => {
          // Everything else is a finding.
          if (daemonIsGone(error)) return false;
          throw error;
        });
        if (!answered) return void unanswered++;
        if (++done === fatal) daemon.kill("SIGKILL");
      }
    }),
  );
  return unanswered;
}

interface Operation {
  readonly plugins: Plugins;
  readonly worker: Worker;
  readonly random: Random;
}

async function changeValue(daemon: TestDaemon, { plugins, worker, random }: Operation): Promise<boolean> {
  const [key, known] = pick([...worker.values], random);
  const size = SIZES[random(SIZES.length)] ?? 0;
  const value =
    random(5) === 0
      ? null
      : random(256)
          .toString(16)
          .padStart(2, "0")
          .repeat(size + random(50));
  // To delete what there is not is refused.
  if (value === null && known.acknowledged === null) return true;
  known.pending = { value };
  const request = value === null ? { opt: "del", key } : { opt: "set", key, value };
  return settle(known, await ask(daemon, plugins.storing, request), { event: "response" });
}

async function changeEndpoint(daemon: TestDaemon, { plugins, worker, random }: Operation): Promise<boolean> {
  const { post } = endpointsOf(daemon);
  const [tag, known] = pick([...worker.endpoints], random);
  const settings = { tag, text: "x".repeat(random(3000)) };
  const named = { user_id: "u", name: `name ${random(1_000_000)}`, settings };
  if (known.acknowledged === null) {
    known.pending = { value: shownAs({ ...named, enabled: true }) };
    return settle(known, await post("/setup", { plugin_unique_identifier: plugins.hooks, ...named }), OK);
  }
  const found = (await rowsByTag(daemon)).get(tag);
  if (!found) throw new Error(`The list lacks "${tag}", which was acknowledged`);
  const one = { endpoint_id: found.id };
  switch (random(4)) {
    case 0:
      known.pending = { value: null };
      return settle(known, await post("/remove", one), OK);
    case 1:
      known.pending = { value: shownAs({ ...found, enabled: !found.enabled }) };
      return settle(known, await post(found.enabled ? "/disable" : "/enable", one), OK);
    default:
      known.pending = { value: shownAs({ ...named, enabled: found.enabled }) };
      return settle(known, await post("/update", { ...one, ...named }), OK);
  }
}

const OK = { code: 0 };

/** What was answered has to be good news. */
function settle<T>(known: Known<T>, answer: unknown, good: object): boolean {
  expect(answer).toMatchObject(good);
  if (known.pending) known.acknowledged = known.pending.value;
  known.pending = undefined;
  return true;
}

interface Row extends Endpoint {
  readonly name: string;
  readonly enabled: boolean;
}

const shownAs = ({ name, enabled, settings }: Pick<Row, "name" | "enabled" | "settings">) =>
  JSON.stringify({ name, enabled, settings: { tag: settings["tag"], text: settings["text"] } });

async function rowsByTag(daemon: TestDaemon): Promise<ReadonlyMap<string, Row>> {
  const rows = (await endpointsOf(daemon).list()) as readonly Row[];
  return new Map(rows.map((row) => [String(row.settings["tag"]), row]));
}

/** What a plugin gets for one call back. */
async function ask(daemon: TestDaemon, pluginId: string, request: object): Promise<unknown> {
  const { items, failure } = await daemon.api.call(pluginId, { mode: "call", type: "storage", request });
  if (failure?.message.includes("ConnectionClosed") || items.length < 2) throw new Error(GONE);
  return eventsOf(items)[0];
}

const GONE = "The daemon is gone";

/** The connection broke, or the answer did. */
function daemonIsGone(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  return error.message === GONE || /^(ECONN|ERR_STREAM|EPIPE|ConnectionRefused|ConnectionClosed)/.test(code);
}

/** Everything is as it was acknowledged, or as it was asked for since; that is known from now on. */
async function check(
  daemon: TestDaemon,
  { plugins, workers }: { readonly plugins: Plugins; readonly workers: readonly Worker[] },
): Promise<void> {
  const rows = await rowsByTag(daemon);
  const tags = new Set<string>();
  for (const { values, endpoints } of workers) {
    for (const [key, known] of values) {
      const exists = await ask(daemon, plugins.storing, { opt: "exist", key });
      const isThere = JSON.stringify(exists).includes('"data":true');
      const got = isThere ? await ask(daemon, plugins.storing, { opt: "get", key }) : undefined;
      verify(known, got === undefined ? null : (got as { data: { data: string } }).data.data);
    }
    for (const [tag, known] of endpoints) {
      const row = rows.get(tag);
      verify(known, row ? shownAs(row) : null);
      tags.add(tag);
    }
  }
  expect([...rows.keys()].filter((tag) => !tags.has(tag))).toEqual([]);
}

function verify<T>(known: Known<T>, found: T): void {
  const possible = known.pending ? [known.acknowledged, known.pending.value] : [known.acknowledged];
  expect(possible).toContain(found);
  known.acknowledged = found;
  known.pending = undefined;
}

function pick<T>(list: readonly T[], random: Random): T {
  const one = list[random(list.length)];
  if (one === undefined) throw new Error("There is nothing to pick from");
  return one;
}

/** The same numbers for the same seed. */
function randomOf(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
