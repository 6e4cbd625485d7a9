import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { readLines } from "../support/processes.ts";
import { filesBelow, openStorage, sum, temporaryFolder } from "./storage-support.ts";

setDefaultTimeout(60_000);

const OPERATIONS = 200;
const KEYS = ["a", "a/b", "deep/er/one", "k".repeat(256), "é", "plain-1", "plain-2", "plain-3"];

/**
 * Does random operations, one worker a key, and says before each what it is about to do, after each that it is
 * acknowledged. A value is one letter, many times: half of one cannot be taken for another.
 */
const CHILD = `
  import { writeSync } from "node:fs";
  import { openStorage } from ${JSON.stringify(join(import.meta.dir, "storage-support.ts"))};
  const { folder, keys, seed } = JSON.parse(process.argv.at(-1));
  let state = seed;
  const random = (n) => (state = (state * 1103515245 + 12345) % 2147483648) % n;
  const storage = await openStorage({ folder });
  const say = (line) => writeSync(1, JSON.stringify(line) + "\\n");
  await Promise.all(keys.map(async (key) => {
    for (;;) {
      const value = random(5) === 0 ? null : String.fromCharCode(97 + random(26)).repeat(random(10) === 0 ? 80_000 : random(5_000));
      say({ key, value: value === null ? null : value.length + (value[0] ?? ""), acknowledged: false });
      if (value !== null) await storage.set(key, value);
      else if (await storage.exist(key)) await storage.del(key);
      say({ key, acknowledged: true });
      if (random(20) === 0) await Bun.sleep(random(150));
    }
  }));`;

interface Expected {
  /** What was acknowledged last, and what was about to follow: one of the two is there. */
  acknowledged: string | null;
  next: string | null;
}

function isLine(value: unknown): value is { key: string; value?: string | null; acknowledged: boolean } {
  return typeof value === "object" && value !== null && "key" in value && "acknowledged" in value;
}

/** Length and first letter, after a check that all letters are the same. */
function shortOf(value: string): string {
  const letter = value[0] ?? "";
  expect(value === letter.repeat(value.length)).toBe(true);
  return `${value.length}${letter}`;
}

test("a kill -9 in the middle of random operations loses nothing acknowledged and tears nothing", async () => {
  await using folder = await temporaryFolder();
  const expected = new Map<string, Expected>(KEYS.map((key) => [key, { acknowledged: null, next: null }]));
  for (let round = 1; round <= 4; round++) {
    await using child = Bun.spawn(
      [
        process.execPath,
        "-e",
        CHILD,
        JSON.stringify({ folder: folder.path, keys: KEYS, seed: round * 7919 }),
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    let acknowledged = 0;
    for await (const text of readLines(child.stdout)) {
      const line: unknown = text.endsWith("}") ? JSON.parse(text) : undefined;
      if (!isLine(line)) continue;
      const state = expected.get(line.key);
      if (!state) throw new Error(`No such key: ${line.key}`);
      if (line.acknowledged) state.acknowledged = state.next;
      else state.next = line.value ?? null;
      // What it says while it dies counts, too.
      if (line.acknowledged && ++acknowledged === (OPERATIONS * round) / 4 + round) child.kill("SIGKILL");
    }
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");

    await using storage = await openStorage({ folder: folder.path });
    let total = 0;
    for (const [key, state] of expected) {
      const found = (await storage.exist(key)) ? await storage.get(key) : null;
      expect([state.acknowledged, state.next]).toContain(found === null ? null : shortOf(found));
      state.acknowledged = state.next = found === null ? null : shortOf(found);
      total += found?.length ?? 0;
    }
    await storage.notes(total);
    await storage.close();
    expect(storage.lines.filter((line) => line.includes("Cannot"))).toEqual([]);
    expect(sum(Object.values(await filesBelow(join(folder.path, "persistence"))))).toBe(total);
  }
});
