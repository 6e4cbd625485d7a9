import { expect, test } from "bun:test";
import { spellFlags } from "../../../src/cli/flag-spelling.ts";

test.each([
  [
    ["plugin", "init", "--allow-tool=false", "--quick=true", "--name=x=y"],
    ["plugin", "init", "--no-allow-tool", "--quick", "--name=x=y"],
  ],
  [
    ["plugin", "run", "-m=tcp", "-r=json", "--enable-logs=false", "f"],
    ["plugin", "run", "-m", "tcp", "-r", "json", "f"],
  ],
  [
    ["plugin", "run", "--", "-m=tcp"],
    ["plugin", "run", "--", "-m=tcp"],
  ],
  [
    ["invoke", "a/b", "t", "-x=1"],
    ["invoke", "a/b", "t", "-x=1"],
  ],
])("spellFlags(%j)", (given, expected) => {
  expect(spellFlags(given)).toEqual(expected);
});
