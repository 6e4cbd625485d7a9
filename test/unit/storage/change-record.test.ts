import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { decodeChanges, encodeChange } from "../../../src/blob/change-record.ts";
import type { ValueChange } from "../../../src/blob/value-store.ts";

const content = fc.oneof(
  fc.record({ kind: fc.constant("bytes" as const), value: fc.uint8Array() }),
  fc.record({ kind: fc.constant("staged" as const), name: fc.uuid(), bytes: fc.nat() }),
  fc.record({ kind: fc.constant("deleted" as const) }),
);
const text = fc.string({ unit: "grapheme" });
const change: fc.Arbitrary<ValueChange> = fc.record({ tenantId: text, pluginId: text, key: text, content });

function plain({ content: given, ...place }: ValueChange) {
  return { ...place, content: given.kind === "bytes" ? { ...given, value: [...given.value] } : given };
}

const decoded = (bytes: Uint8Array) => [...decodeChanges(bytes)].map(plain);

test("decodeChanges() reads what encodeChange() wrote, one after the other", () => {
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      expect(decoded(Buffer.concat(changes.map(encodeChange)))).toEqual(changes.map(plain));
    }),
  );
});

test("decodeChanges() of a file that ends anywhere gives the changes that are whole, and never half a one", () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(), (changes, cut) => {
      const records = changes.map(encodeChange);
      const bytes = Buffer.concat(records);
      const end = cut % bytes.length;
      let whole = 0;
      for (let at = 0; at + (records[whole]?.length ?? 0) <= end; whole++) at += records[whole]?.length ?? 0;
      expect(decoded(bytes.subarray(0, end))).toEqual(changes.slice(0, whole).map(plain));
    }),
  );
});

test("decodeChanges() stops at a byte that is another than was written", () => {
  fc.assert(
    fc.property(change, change, fc.nat(), fc.integer({ min: 1, max: 255 }), (first, second, place, flip) => {
      const [good, bad] = [encodeChange(first), Uint8Array.from(encodeChange(second))];
      const at = place % bad.length;
      bad[at] = (bad[at] ?? 0) ^ flip;
      expect(decoded(Buffer.concat([good, bad]))).toEqual([plain(first)]);
    }),
  );
});

test("decodeChanges() takes zeros, which a power cut may leave, for nothing", () => {
  const given: ValueChange = { tenantId: "t", pluginId: "p", key: "k", content: { kind: "deleted" } };
  expect(decoded(new Uint8Array(4096))).toEqual([]);
  expect(decoded(Buffer.concat([encodeChange(given), new Uint8Array(64)]))).toEqual([plain(given)]);
});
