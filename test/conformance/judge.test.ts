import { expect, test } from "bun:test";
import { judge } from "./judge.ts";
import type { StepOutcome } from "./run-scenario.ts";

const outcome = (step: string, ...paths: string[]): StepOutcome => ({
  step,
  differences: paths.map((path) => ({ path, problem: "want 1, have 2" })),
});

test("judge() has nothing to say where all is as recorded", () => {
  expect(judge([outcome("a"), outcome("b")], [])).toEqual([]);
});

test("judge() names every difference that is not listed", () => {
  expect(judge([outcome("a", "status", "json.x"), outcome("b"), outcome("c", "")], [])).toEqual([
    "a: status: want 1, have 2",
    "a: json.x: want 1, have 2",
    "c: want 1, have 2",
  ]);
});

test("judge() forgives what is listed, in that step and at those paths alone", () => {
  const listed = [{ step: "a", paths: ["json.*.help"] }];
  expect(judge([outcome("a", "json.0.help.en", "json.1.help.de")], listed)).toEqual([]);
  expect(judge([outcome("a", "json.0.help.en", "json.0.name")], listed)).toEqual([
    "a: json.0.name: want 1, have 2",
  ]);
  expect(judge([outcome("a", "json.0.help"), outcome("b", "json.0.help")], listed)).toEqual([
    "b: json.0.help: want 1, have 2",
  ]);
});

test("judge() never forgives a step that could not be run", () => {
  expect(judge([outcome("a", "")], [{ step: "a", paths: ["json"] }])).toContain("a: want 1, have 2");
});

test("judge() refuses entries that are stale, each path for itself", () => {
  const listed = [{ step: "a", paths: ["status", "json"] }];
  expect(judge([outcome("a")], listed)).toEqual([
    "a: status is listed as a deviation, but is as recorded",
    "a: json is listed as a deviation, but is as recorded",
  ]);
  expect(judge([outcome("a", "json.code")], listed)).toEqual([
    "a: status is listed as a deviation, but is as recorded",
  ]);
  expect(judge([outcome("b")], listed)).toEqual(["a: a deviation is listed, but there is no such step"]);
});
