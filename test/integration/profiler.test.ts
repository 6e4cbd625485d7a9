/** What the daemon tells of its own insides, behind the key and where it is switched on. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { startTestDaemon } from "../support/daemon.ts";

setDefaultTimeout(60_000);

test("profiles, snapshots and counts of the daemon are there for who has the key", async () => {
  await using daemon = await startTestDaemon({ env: { PPROF_ENABLED: "true" } });
  const get = (page: string) => daemon.api.request(`/debug/pprof${page}`);
  const [first, second] = await Promise.all([get("/profile?seconds=1"), get("/profile?seconds=1")]);
  const [taken, refused] = first.status === 200 ? [first, second] : [second, first];
  const profile: unknown = await taken.json();
  expect(profile).toMatchObject({ nodes: expect.any(Array), samples: expect.any(Array) });
  expect([refused.status, await refused.text()]).toEqual([
    503,
    expect.stringContaining("another profile is being taken"),
  ]);
  expect(await (await get("/trace")).json()).toMatchObject({ nodes: expect.any(Array) });
  expect(await (await get("/heap")).json()).toMatchObject({ snapshot: expect.any(Object) });
  expect(await (await get("/allocs")).text()).toMatch(/^\d+\t\w+/);
  expect(await (await get("/threadcreate")).text()).not.toBe("\n");
  expect(await (await get("/")).text()).toContain("/debug/pprof/heap\t");
  expect((await get("/profile?seconds=601")).status).toBe(400);
  expect((await fetch(`${daemon.url}/debug/pprof/heap`)).status).toBe(401);
});

test("they are not there unless they are switched on", async () => {
  await using daemon = await startTestDaemon();
  expect((await daemon.api.request("/debug/pprof/heap")).status).toBe(404);
});
