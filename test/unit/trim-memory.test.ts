import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { codeMappings, trimMemory } from "../../src/lib/trim-memory.ts";

test("codeMappings() takes the read-only code of the file and nothing else", () => {
  const maps = [
    "00200000-01a39000 r--p 00000000 fe:00 5309252                            /opt/plugd",
    "01a40000-0684a000 r-xp 01838000 fe:00 5309252                            /opt/plugd",
    "06867000-07385000 rw-p 0665e000 fe:00 5309252                            /opt/plugd",
    "7fa9e3fed000-7fa9e4143000 r-xp 00026000 fe:00 326269                     /usr/lib/libc.so.6",
    "7fa9a3c82000-7fa9e3c82000 rwxp 00000000 00:00 0 ",
    "",
  ].join("\n");
  expect(codeMappings(maps, "/opt/plugd")).toEqual([{ address: 0x1a40000n, bytes: 0x684a000n - 0x1a40000n }]);
  expect(codeMappings(maps, "/opt/other")).toEqual([]);
});

test.skipIf(process.platform !== "linux")(
  "trimMemory() gives back code that the next moment can use (Linux only)",
  () => {
    const resident = () =>
      Number(/^RssFile:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1]);
    const before = resident();
    trimMemory(process.execPath);
    expect(resident()).toBeLessThan(before);
    expect(JSON.parse('{"still":["works"]}')).toEqual({ still: ["works"] });
  },
);
