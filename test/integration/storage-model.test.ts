import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import * as fc from "fast-check";
import { cleanKey } from "../../src/service/plugin-storage-key.ts";
import { caller, filesBelow, openStorage, sum, temporaryFolder } from "./storage-support.ts";

setDefaultTimeout(60_000);

const LIMIT = 200_000;
/** Spellings of one key, keys that are folders of others, and some that cannot be names of files. */
const KEYS = [
  "a",
  "/a",
  "a/b",
  "a//b",
  "a/b/c",
  "a/b/../d",
  "A",
  "é",
  ".",
  "k".repeat(256),
  `a/${"k".repeat(254)}`,
];

const key = fc.constantFrom(...KEYS);
/** Above 64 KiB a value takes another way. */
const size = fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 65_000, max: 90_000 }));
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("set" as const), key, size }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("get" as const, "exist" as const), key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("del" as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("settle" as const, "reopen" as const) }) },
);

test("the storage behaves like a map with a limit, through restarts", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      await using folder = await temporaryFolder();
      const open = () => openStorage({ folder: folder.path, maxBytes: LIMIT });
      const model = new Map<string, string>();
      const total = () => sum([...model.values()].map((value) => value.length));
      let storage = await open();
      for (const [at, action] of steps.entries()) {
        switch (action.do) {
          case "set": {
            const path = cleanKey(action.key);
            const value = String.fromCharCode(97 + (at % 26)).repeat(action.size);
            const after = total() - (model.get(path)?.length ?? 0) + action.size;
            if (after > LIMIT && action.size > (model.get(path)?.length ?? 0))
              expect(await storage.refusal("set", action.key, Buffer.from(value).toString("hex"))).toContain(
                "allocated",
              );
            else {
              await storage.set(action.key, value);
              model.set(path, value);
            }
            break;
          }
          case "get": {
            const value = model.get(cleanKey(action.key));
            if (value === undefined)
              expect(await storage.refusal("get", action.key)).toContain("load data failed");
            else expect((await storage.get(action.key)) === value).toBe(true);
            break;
          }
          case "exist":
            expect(await storage.exist(action.key)).toBe(model.has(cleanKey(action.key)));
            break;
          case "del":
            if (model.delete(cleanKey(action.key))) await storage.del(action.key);
            else expect(await storage.refusal("del", action.key)).toContain("delete data failed");
            break;
          case "settle":
            await storage.settled();
            await storage.notes(total());
            break;
          case "reopen":
            await storage.close();
            storage = await open();
            await storage.notes(total());
        }
      }
      for (const [path, value] of model) expect((await storage.get(path)) === value).toBe(true);
      await storage.close();
      const files = await filesBelow(join(folder.path, "persistence"));
      expect(sum(Object.values(files))).toBe(total());
      expect(Object.keys(files).filter((name) => !name.startsWith(`${caller.tenantId}/acme/notes/`))).toEqual(
        [],
      );
    }),
    { numRuns: 40 },
  );
});
