import { describe, expect, test } from "bun:test";
import { requireIdentifier } from "../../../src/protocol/identifier.ts";
import {
  packageFileName,
  readInstances,
  readLaunchLine,
} from "../../../src/protocol/serverless/connector.ts";

/* contract/plugin-wire 3.1 */

const line = (Stage: string, State: string, Message = "") =>
  JSON.stringify({ Stage, State, Obj: "o", Message });

describe("readLaunchLine()", () => {
  test.each<[string, object | undefined]>([
    ["", undefined],
    ["   \r", undefined],
    ["event: message", undefined],
    [line("healthz", "running"), undefined],
    [": keep-alive", { kind: "noise", text: ": keep-alive" }],
    ["id: 7", { kind: "noise", text: "id: 7" }],
    [line("sleep", "running"), { kind: "noise", text: line("sleep", "running") }],
    [line("start", "running"), { kind: "info", message: "Building plugin..." }],
    [line("build", "success", "layer 3"), { kind: "info", message: "layer 3" }],
    [line("run", "running"), { kind: "info", message: "Launching plugin..." }],
    [line("build", "failed", "no space"), { kind: "failed", message: "no space" }],
    [line("healthz", "failed", "x"), { kind: "failed", message: "x" }],
    [line("end", "success"), { kind: "done" }],
    [`data: ${line("end", "success")}`, { kind: "done" }],
    [`data:${line("end", "success")} `, { kind: "done" }],
    ['{"stage":"end","state":"success"}', { kind: "done" }],
  ])("%s", (text, event) => {
    expect(readLaunchLine(text) as object | undefined).toEqual(event);
  });

  const run = (message: string) => readLaunchLine(line("run", "success", message));
  test("takes the function out of the message of run", () => {
    expect(run("endpoint=https://fn.example,name=fn,id=i-1")).toEqual({
      kind: "function",
      function: { url: "https://fn.example", name: "fn", protocol: undefined },
    });
  });

  test("takes URLs with = and , in them, where the reference breaks", () => {
    expect(run("endpoint=https://fn.example/?a=1,2&b=c,name=fn,id=i")).toMatchObject({
      function: { url: "https://fn.example/?a=1,2&b=c", name: "fn" },
    });
  });

  test("says which part it does not understand", () => {
    expect(run("nonsense")).toEqual({ kind: "failed", message: "invalid key-value pair: nonsense" });
  });
});

describe("readInstances()", () => {
  const item = { ID: "i", Name: "fn", Endpoint: "https://fn.example", Status: { State: "running" } };
  test.each<[object, object | undefined]>([
    [
      { error: "", Items: [item, { ...item, Name: "other" }] },
      { name: "fn", url: "https://fn.example" },
    ],
    [{ items: [{ name: "fn", endpoint: "u" }] }, { name: "fn", url: "u" }],
    [{ error: "", Items: [] }, undefined],
    [{ error: "", Items: null }, undefined],
  ])("%j", (answer, found) => {
    expect(readInstances(answer) as object | undefined).toEqual(found && expect.objectContaining(found));
  });

  test("throws the connector's own words", () => {
    expect(() => readInstances({ error: "quota", Items: [item] })).toThrow(
      "unexpected response from plugin controller: quota",
    );
  });
});

test("packageFileName() is what connectors look for", () => {
  expect(packageFileName(requireIdentifier(`a/b:1.0.0@${"0".repeat(64)}`))).toBe(
    `a@b@1.0.0@${"0".repeat(64)}.difypkg`,
  );
});
