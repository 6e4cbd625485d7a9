import { describe, expect, test } from "bun:test";
import { LAUNCHER_MESSAGE, launcherImage } from "../../../src/runtime/local/spawn-launcher-image.ts";

const PID = 0x01020304;

function header(image: Uint8Array) {
  const view = new DataView(image.buffer);
  return {
    magic: image.slice(0, 7).toHex(),
    type: view.getUint16(16, true),
    machine: view.getUint16(18, true),
    entry: view.getBigUint64(24, true),
    loadedBytes: view.getBigUint64(104, true),
  };
}

describe("launcherImage()", () => {
  test.each([
    ["x64", 62],
    ["arm64", 183],
  ] as const)("is a complete executable for %s", (arch, machine) => {
    const image = launcherImage(arch, PID);
    if (image === undefined) throw new Error("no image");
    expect(header(image)).toEqual({
      magic: "7f454c46020101",
      type: 2,
      machine,
      entry: 0x400078n,
      loadedBytes: BigInt(image.length),
    });
    expect(new TextDecoder().decode(image.slice(-LAUNCHER_MESSAGE.length))).toBe(LAUNCHER_MESSAGE);
  });

  test.each(["x64", "arm64"])(
    "has the daemon's pid in the code for %s once, and differs nowhere else",
    (arch) => {
      const one = launcherImage(arch, PID) ?? new Uint8Array();
      const two = launcherImage(arch, 0) ?? new Uint8Array();
      const differs = [...one.keys()].filter((at) => one[at] !== two[at]);
      expect(differs.map((at) => one[at])).toEqual([4, 3, 2, 1]);
      expect(differs.map((at, index) => at - index)).toEqual(Array(4).fill(differs[0]));
    },
  );

  test.each([
    // The code that was run instruction by instruction, on a processor and in an emulator.
    ["x64", "b89d7e7966ffec56559ce022df55a19fe24fec36519b37503e028e0c89ec87fe"],
    ["arm64", "d5b82257b6667b80a9965dd5c2984d4f5d5b58b1d8a98af69f1e3920fcc06006"],
  ])("is for %s the code that was tried out", (arch, hash) => {
    expect(new Bun.CryptoHasher("sha256").update(launcherImage(arch, PID) ?? "").digest("hex")).toBe(hash);
  });

  test("is undefined for other processors", () => {
    expect(launcherImage("riscv64", PID)).toBeUndefined();
  });
});
