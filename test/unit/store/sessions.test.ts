import { expect, test } from "bun:test";
import type { SessionRow } from "../../../src/store/store.ts";
import { rejection } from "../../support/rejection.ts";
import { session, testStore } from "./test-store.ts";

const START = Date.UTC(2026, 0, 1);
const at = (ms: number) => new Date(START + ms);
const ended = (id: string, ms: number, more: Partial<SessionRow> = {}) =>
  session(id, { startedAt: at(ms), lastActiveAt: at(ms), endedAt: at(ms), outcome: "success", ...more });
const page = { offset: 0, limit: 1000 };

async function ids(store: ReturnType<typeof testStore>["store"], filter = {}, part = page) {
  return (await store.sessions.list(filter, part)).map((row) => row.id);
}

test("save() and list() keep every field", async () => {
  const { store } = testStore();
  const open = session("1", { tenantId: "t9", type: "model", action: "invoke_llm", startedAt: at(0) });
  const closed = ended("2", 1, {
    outcome: "plugin_error",
    items: 3,
    bytes: 2 ** 40,
    callsBack: 7,
    failedCallsBack: 2,
    callBackTrace: [
      {
        type: "llm",
        beganMs: 1,
        firstByteMs: 20,
        endMs: 300,
        requestBytes: 4,
        responseBytes: 2 ** 40,
        outcome: "success",
      },
      {
        type: "unknown",
        beganMs: 2,
        firstByteMs: null,
        endMs: null,
        requestBytes: 0,
        responseBytes: 0,
        outcome: null,
      },
    ],
  });
  await store.sessions.save([open, closed]);
  expect(await store.sessions.list({}, page)).toEqual([closed, open]);
});

test("save() replaces an earlier row of the same id, in one batch too", async () => {
  const { store } = testStore();
  await store.sessions.save([session("1"), session("1", { items: 1 })]);
  expect(await store.sessions.list({}, page)).toEqual([session("1", { items: 1 })]);
  await store.sessions.save([ended("1", 5, { items: 2 })]);
  expect(await store.sessions.list({}, page)).toEqual([ended("1", 5, { items: 2 })]);
});

test("save() writes all rows of a batch or none", async () => {
  const { store } = testStore();
  expect(await rejection(store.sessions.save([session("1"), session("2", { items: 0.5 })]))).toMatchObject({
    code: "internal",
  });
  expect(await ids(store)).toEqual([]);
});

test("save() of nothing does nothing", async () => {
  const { store } = testStore();
  await store.sessions.save([]);
  expect(await ids(store)).toEqual([]);
});

test("list() pages by start, the last first, in a stable order within one millisecond", async () => {
  const { store } = testStore();
  await store.sessions.save([ended("b", 0), ended("c", 0), ended("a", 0), ended("old", -5), ended("new", 5)]);
  expect(await ids(store)).toEqual(["new", "c", "b", "a", "old"]);
  expect(await ids(store, {}, { offset: 1, limit: 2 })).toEqual(["c", "b"]);
});

test("list() filters by tenant, plugin and whether it runs", async () => {
  const { store } = testStore();
  await store.sessions.save([
    session("1", { startedAt: at(4) }),
    ended("2", 3),
    ended("3", 2, { tenantId: "t2" }),
    session("4", { startedAt: at(1), pluginId: "acme/other" }),
  ]);
  expect(await ids(store, { running: true })).toEqual(["1", "4"]);
  expect(await ids(store, { running: false })).toEqual(["2", "3"]);
  expect(await ids(store, { tenantId: "t2" })).toEqual(["3"]);
  expect(await ids(store, { pluginId: "acme/other" })).toEqual(["4"]);
  expect(await ids(store, { tenantId: "t1", pluginId: "acme/search", running: false })).toEqual(["2"]);
});

test("closeOpen() ends what a process that is gone left open, never before its last sign of life", async () => {
  const { store } = testStore();
  await store.sessions.save([
    session("1", { startedAt: at(0), lastActiveAt: at(10) }),
    session("2", { startedAt: at(0), lastActiveAt: at(30) }),
    ended("3", 0),
  ]);
  expect(await store.sessions.closeOpen(at(20))).toBe(2);
  const rows = new Map((await store.sessions.list({}, page)).map((row) => [row.id, row]));
  expect(rows.get("1")).toMatchObject({ endedAt: at(20), outcome: "daemon_exit" });
  expect(rows.get("2")).toMatchObject({ endedAt: at(30), outcome: "daemon_exit" });
  expect(rows.get("3")).toMatchObject({ endedAt: at(0), outcome: "success" });
  expect(await store.sessions.closeOpen(at(40))).toBe(0);
});

test("prune() keeps what ended last and all that runs", async () => {
  const { store } = testStore();
  await store.sessions.save([
    session("running", { startedAt: at(-100) }),
    ended("long", -50, { endedAt: at(9) }),
    ended("1", 1),
    ended("2", 2),
    ended("3", 3),
  ]);
  await store.sessions.prune(2);
  expect((await ids(store)).sort()).toEqual(["3", "long", "running"]);
  await store.sessions.prune(0);
  expect(await ids(store)).toEqual(["running"]);
});

test("save() prunes by itself once the history is exceeded by a tenth", async () => {
  const { store } = testStore({ sessionHistory: 10 });
  for (let n = 0; n < 40; n++) {
    await store.sessions.save([ended(String(n), n)]);
    expect((await ids(store)).length).toBeLessThanOrEqual(11);
  }
  await store.sessions.save([ended("40", 40), ended("41", 41)]);
  expect(await ids(store)).toEqual(["41", "40", "39", "38", "37", "36", "35", "34", "33", "32"]);
});

test("save() keeps nothing that ended where the history is zero", async () => {
  const { store } = testStore({ sessionHistory: 0 });
  await store.sessions.save([ended("1", 1), session("2")]);
  expect(await ids(store)).toEqual(["2"]);
});
