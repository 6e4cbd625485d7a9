import { expect, test } from "bun:test";
import { launchedMessage, type LaunchLine } from "../../../src/protocol/serverless/launch-line.ts";
import { requireIdentifier } from "../../../src/protocol/identifier.ts";
import { functionName, newFunctionId } from "../../../src/service/connector/function-name.ts";
import { createLaunchProgress } from "../../../src/service/connector/launch-progress.ts";

const NEVER = new AbortController().signal;

test("createLaunchProgress() tells everybody everything, whenever they come, and ends for all", async () => {
  const progress = createLaunchProgress();
  progress.tell("start", "running", "a", "1");
  const early: LaunchLine[] = [];
  const following = progress.follow((event) => early.push(event), { signal: NEVER });
  progress.tell("build", "running", "b", "2");
  progress.fail("it broke");
  progress.tell("end", "success", "", "too late");
  await following;
  const late: LaunchLine[] = [];
  await progress.follow((event) => late.push(event), { signal: NEVER });
  expect(late).toEqual(early);
  expect(early.map(({ Stage, State, Message }) => [Stage, State, Message])).toEqual([
    ["start", "running", "1"],
    ["build", "running", "2"],
    ["build", "failed", "it broke"],
  ]);
});

test("createLaunchProgress() lets a listener go whose client has left", async () => {
  const progress = createLaunchProgress();
  const leaving = new AbortController();
  const seen: LaunchLine[] = [];
  const following = progress.follow((event) => seen.push(event), { signal: leaving.signal });
  leaving.abort();
  await following;
  progress.tell("build", "running", "", "");
  expect(seen).toEqual([]);
});

test("createLaunchProgress() keeps the first and the last of a build that talks without end", async () => {
  const progress = createLaunchProgress();
  for (let at = 0; at < 10_000; at++) progress.tell("build", "running", "", String(at));
  progress.end();
  const seen: string[] = [];
  await progress.follow(({ Message }) => seen.push(Message), { signal: NEVER });
  expect(seen.length).toBeLessThanOrEqual(400);
  expect([seen[0], seen.at(-1)]).toEqual(["0", "9999"]);
});

const CHECKSUM = "0123456789abcdef0123456789abcdef";
const LONG = `${"a".repeat(64)}/${"n".repeat(255)}:1.2.3-rc_1@${CHECKSUM}`;

test.each([`me/tool:0.0.1@${CHECKSUM}`, `tool:1.0.0@${CHECKSUM}`, LONG])(
  "what a launch answers of %s fits into the columns of a daemon and survives its split",
  (text) => {
    const identifier = requireIdentifier(text);
    const name = functionName(identifier);
    const id = newFunctionId(identifier);
    const endpoint = `https://connector.example.com:8443/base/f/${id}`;
    expect(name.length).toBeLessThanOrEqual(127);
    expect(endpoint.length).toBeLessThanOrEqual(255);
    const parts = launchedMessage({ endpoint, name, id, form: "sdk" }).split(",");
    expect(parts.map((part) => part.split("="))).toEqual([
      ["endpoint", endpoint],
      ["name", name],
      ["id", id],
    ]);
    expect(newFunctionId(identifier)).not.toBe(id);
  },
);
