import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { cutMessage } from "../../../src/store/cut-message.ts";

const sizeOf = (text: string) => new TextEncoder().encode(text).length;

test("cutMessage() keeps a message of 1,024 bytes", () => {
  expect(cutMessage("x".repeat(1024))).toBe("x".repeat(1024));
  expect(cutMessage("")).toBe("");
});

test("cutMessage() keeps the first and the last 512 bytes of a longer one", () => {
  const message = `${"a".repeat(512)}${"b".repeat(10)}${"c".repeat(512)}`;
  expect(cutMessage(message)).toBe(`${"a".repeat(512)}...${"c".repeat(512)}`);
});

test("cutMessage() counts bytes, not characters", () => {
  expect(cutMessage("ä".repeat(512))).toBe("ä".repeat(512));
  expect(cutMessage("ä".repeat(513))).toBe(`${"ä".repeat(256)}...${"ä".repeat(256)}`);
});

test("cutMessage() leaves out a character that a cut would split", () => {
  // 512 is no multiple of three: the cuts fall inside of a character.
  expect(cutMessage("€".repeat(1000))).toBe(`${"€".repeat(170)}...${"€".repeat(170)}`);
  expect(cutMessage("😀".repeat(127) + "x".repeat(3) + "😀".repeat(300))).toStartWith(
    `${"😀".repeat(127)}xxx...`,
  );
});

test("cutMessage() of any text is at most 1,027 bytes of its own characters", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 1200, size: "max" }), (message) => {
      const cut = cutMessage(message);
      if (sizeOf(message) <= 1024) return cut === message;
      const head = cut.slice(0, cut.indexOf("..."));
      const tail = cut.slice(cut.lastIndexOf("...") + 3);
      return (
        sizeOf(cut) <= 1027 && sizeOf(cut) >= 1027 - 6 && message.startsWith(head) && message.endsWith(tail)
      );
    }),
  );
});
