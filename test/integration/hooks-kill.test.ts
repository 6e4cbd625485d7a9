import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnTestDaemon } from "../support/daemon.ts";
import { endpointsOf } from "./hooks-support.ts";

setDefaultTimeout(60_000);

const OPERATIONS = 200;
const WORKERS = 8;

/** What the clients know of an endpoint: the last that was acknowledged, and what may have happened since. */
interface Known {
  readonly id: string;
  acknowledged: State;
  pending: State | undefined;
}

type State = { readonly name: string; readonly enabled: boolean } | "removed";

test("a kill -9 among 200 changes of endpoints loses none that was acknowledged, and tears none", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "plugd-hooks-kill-"));
  try {
    const known = new Map<string, Known>();
    let unanswered = 0;
    const first = await spawnTestDaemon({ dataDir });
    const { identifier } = await first.api.install({ name: "killed", endpoints: "plain" });
    {
      await using daemon = first;
      const { setUp, post, list } = endpointsOf(daemon);
      // Some to begin with, one after the other, so that each can be told by its id.
      for (let n = 0; n < 20; n++) {
        await setUp(identifier, { n });
        const [newest] = await list();
        const id = newest?.id ?? "";
        known.set(id, { id, acknowledged: { name: "n", enabled: true }, pending: undefined });
      }
      let done = 0;
      const work = async (worker: number) => {
        // Each worker has endpoints of its own, so that what it knows is the whole truth.
        const mine = [...known.values()].filter((_, at) => at % WORKERS === worker);
        for (let step = 0; done < OPERATIONS; step++) {
          const endpoint = mine[step % mine.length];
          if (!endpoint || endpoint.acknowledged === "removed") {
            if (mine.every(({ acknowledged }) => acknowledged === "removed")) return;
            continue;
          }
          const [path, next] = change(endpoint.acknowledged, step * WORKERS + worker);
          endpoint.pending = next;
          const name = next === "removed" ? "" : next.name;
          const body = { endpoint_id: endpoint.id, user_id: "u", name, settings: { name } };
          const answer = await post(path, body).catch(() => undefined);
          // The daemon is gone; this one may have been done or not.
          if (!answer) return void unanswered++;
          expect(answer.code).toBe(0);
          endpoint.acknowledged = next;
          endpoint.pending = undefined;
          if (++done === OPERATIONS / 2) daemon.kill("SIGKILL");
        }
      };
      await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)));
      await daemon.exited;
    }
    expect(unanswered).toBeGreaterThan(0);

    await using daemon = await spawnTestDaemon({ dataDir });
    const listed = new Map<string, State>();
    for (const row of await endpointsOf(daemon).list()) {
      const { id, name, enabled, settings } = row as typeof row & { name: string; enabled: boolean };
      listed.set(id, { name, enabled });
      // Name and settings are written together.
      if (name !== "n") expect(settings["name"]).toBe(name);
    }
    for (const { id, acknowledged, pending } of known.values()) {
      const found = listed.get(id) ?? "removed";
      expect([acknowledged, pending]).toContainEqual(found);
    }
    expect([...listed.keys()].every((id) => known.has(id))).toBe(true);
    const [row] = (await daemon.api.installations()) as unknown as readonly Record<string, unknown>[];
    const active = [...listed.values()].filter((state) => state !== "removed" && state.enabled).length;
    expect([row?.["endpoints_setups"], row?.["endpoints_active"]]).toEqual([listed.size, active]);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

function change(state: Exclude<State, "removed">, turn: number): readonly [string, State] {
  if (turn % 29 === 28) return ["/remove", "removed"];
  if (turn % 3 === 0) return [state.enabled ? "/disable" : "/enable", { ...state, enabled: !state.enabled }];
  return ["/update", { ...state, name: `name ${turn}` }];
}
