import { expect, test } from "bun:test";
import packageJson from "../../../package.json" with { type: "json" };
import { BUILD_TIME, VERSION } from "../../../src/lib/version.ts";

test("VERSION from source is the one of package.json", () => {
  expect(VERSION).toBe(packageJson.version);
  expect(BUILD_TIME).toBe("source");
});
