import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { spawnTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { eventsOf, installCalling } from "./backwards-support.ts";
import { filesBelow, sum, temporaryFolder } from "./storage-support.ts";

setDefaultTimeout(60_000);

const OPERATIONS = 200;
const KEYS = ["a", "a/b", "k".repeat(256), "é", "p1", "p2", "p3", "p4"];

/** What a plugin gets for one call back: the value in hex, `null` where there is none. */
async function ask(daemon: Pick<TestDaemon, "api">, pluginId: string, request: Record<string, string>) {
  const { items } = await daemon.api.call(pluginId, { mode: "call", type: "storage", request });
  const [first] = eventsOf(items);
  if (typeof first !== "object" || first === null || !("event" in first)) throw new Error("No answer");
  if (first.event !== "response") return { refused: "message" in first ? String(first.message) : "" };
  return { data: "data" in first && typeof first.data === "object" ? first.data : null };
}

test("what a plugin has stored when its daemon is killed with -9 is there in the next one, whole", async () => {
  await using folder = await temporaryFolder();
  /** By key: what was acknowledged last, and what was asked for since. */
  const known = new Map<string, { acknowledged: string | null; next: string | null }>();
  const started = await spawnTestDaemon({ dataDir: folder.path });
  const pluginId = await installCalling(started, { name: "killed" });
  {
    await using daemon = started;
    let done = 0;
    let unanswered = 0;
    const work = async (key: string, worker: number) => {
      const state: { acknowledged: string | null; next: string | null } = { acknowledged: null, next: null };
      known.set(key, state);
      for (let step = 0; done < OPERATIONS; step++) {
        const value = ((step * KEYS.length + worker) % 256)
          .toString(16)
          .padStart(2, "0")
          .repeat(1 + step * 97);
        const isDelete = step % 5 === 4;
        state.next = isDelete ? null : value;
        const request = isDelete ? { opt: "del", key } : { opt: "set", key, value };
        const answer = await ask(daemon, pluginId, request).catch(() => undefined);
        // The daemon is gone; this one may have been done or not.
        if (!answer || "refused" in answer) return void unanswered++;
        state.acknowledged = state.next;
        if (++done === OPERATIONS / 2) daemon.kill("SIGKILL");
      }
    };
    await Promise.all(KEYS.map(work));
    await daemon.exited;
    expect(unanswered).toBe(KEYS.length);
  }

  const next = await spawnTestDaemon({ dataDir: folder.path });
  let total = 0;
  {
    await using daemon = next;
    for (const [key, { acknowledged, next: asked }] of known) {
      const answer = await ask(daemon, pluginId, { opt: "get", key });
      const found =
        "data" in answer && answer.data !== null && "data" in answer.data ? String(answer.data.data) : null;
      expect([acknowledged, asked]).toContain(found);
      total += (found?.length ?? 0) / 2;
    }
    daemon.kill("SIGTERM");
    await daemon.exited;
  }
  expect(total).toBeGreaterThan(0);
  expect(sum(Object.values(await filesBelow(join(folder.path, "storage", "persistence"))))).toBe(total);
});
