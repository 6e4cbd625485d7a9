import { expect, test } from "bun:test";
import { cacheEndpoints } from "../../../src/store/cached-endpoints.ts";
import type { EndpointRow, EndpointStore } from "../../../src/store/store.ts";

/** A store of one endpoint that counts its reads. */
function setUp() {
  const state = { row: { id: "e", hookId: "h", name: "a" } as EndpointRow | undefined, reads: 0 };
  let gate: Promise<void> | undefined;
  const inner: Partial<EndpointStore> = {
    async byHook(hookId) {
      state.reads++;
      const found = hookId === "h" ? state.row : undefined;
      await gate;
      return found;
    },
    update: async () => true,
    setEnabled: async () => true,
    remove: async () => undefined,
  };
  return {
    state,
    store: cacheEndpoints(inner as EndpointStore),
    hold(work: Promise<void>) {
      gate = work;
    },
  };
}

test("byHook() reads a row once, until something changes", async () => {
  const { state, store } = setUp();
  for (const change of [
    () => store.update("t", "e", { name: "b", settings: "{}" }),
    () => store.setEnabled("t", "e", false),
    () => store.remove("t", "e"),
  ]) {
    state.reads = 0;
    expect(await store.byHook("h")).toBe(state.row);
    expect(await store.byHook("h")).toBe(state.row);
    expect(state.reads).toBe(1);
    await change();
    await store.byHook("h");
    expect(state.reads).toBe(2);
    await change();
  }
});

test("byHook() remembers nothing of hooks that there are not", async () => {
  const { state, store } = setUp();
  for (let n = 0; n < 3; n++) expect(await store.byHook("x")).toBeUndefined();
  expect(state.reads).toBe(3);
});

test("byHook() does not keep a row that changed while it was read", async () => {
  const { state, store, hold } = setUp();
  const gate = Promise.withResolvers<void>();
  hold(gate.promise);
  const old = store.byHook("h");
  await store.remove("t", "e");
  state.row = undefined;
  gate.resolve();
  expect((await old)?.id).toBe("e");
  expect(await store.byHook("h")).toBeUndefined();
});
