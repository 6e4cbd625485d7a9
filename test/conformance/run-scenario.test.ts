import { expect, test } from "bun:test";
import { runScenario, type ScenarioRun } from "./run-scenario.ts";
import type { PlatformRequest } from "./recorded-platform.ts";
import type { Step } from "./scenarios/scenario.ts";

const OK = { status: 200, type: "application/json", json: { code: 0 } };

interface Conversation {
  /** First lines of what was sent. */
  readonly sent: string[];
  readonly found: readonly (readonly [step: string, ...differences: string[]])[];
}

/** Runs steps against answers that are given in turn; an Error is what the connection failed with. */
async function converse(
  steps: readonly Step[],
  answers: readonly (readonly [status: number, body: unknown] | Error)[],
  recorded: Readonly<Record<string, unknown>> = {},
  asked: readonly (readonly PlatformRequest[])[] = [],
): Promise<Conversation> {
  const sent: string[] = [];
  const taken = asked.values();
  const run: ScenarioRun = {
    host: "127.0.0.1:1",
    serverKey: "k",
    recorded: new Map(Object.entries(recorded)),
    readPackage: () => Buffer.alloc(0),
    platform: { host: "127.0.0.1:2", take: () => taken.next().value ?? [] },
    async send({ head }) {
      const answer = answers[sent.length];
      sent.push(head.slice(0, head.indexOf(" HTTP")));
      if (answer === undefined) throw new Error("one request too many");
      if (answer instanceof Error) throw answer;
      const [status, body] = answer;
      const headers = [["content-type", "application/json"]] as const;
      return { status, headers, body: Buffer.from(JSON.stringify(body)), ended: true };
    },
  };
  const outcomes = await runScenario({ name: "s", tenant: "the tenant", steps }, run);
  return {
    sent,
    found: outcomes.map(({ step, differences }) => [
      step,
      ...differences.map(({ path, problem }) => `${path}: ${problem}`),
    ]),
  };
}

test("runScenario() compares each answer with the recorded one, also behind one that differs", async () => {
  const { sent, found } = await converse(
    [
      { name: "a", path: "/{{tenant}}" },
      { name: "b", path: "/b" },
    ],
    [
      [500, { code: 0 }],
      [200, { code: 0 }],
    ],
    { a: OK, b: OK },
  );
  expect(sent).toEqual(["GET /the tenant", "GET /b"]);
  expect(found).toEqual([["a", "status: want 200, have 500"], ["b"]]);
});

test("runScenario() hands what one step captured to the later ones, and puts its name into answers", async () => {
  const { sent, found } = await converse(
    [
      { name: "a", path: "/a", capture: { task: "json.data.0.id" } },
      { name: "b", path: "/{{task}}" },
    ],
    [
      [200, { data: [{ id: "id-of-a-task" }] }],
      [200, { gone: "id-of-a-task" }],
    ],
    {
      a: { status: 200, json: { data: [{ id: "{{task}}" }] } },
      b: { status: 200, json: { gone: "{{task}}" } },
    },
  );
  expect(sent).toEqual(["GET /a", "GET /id-of-a-task"]);
  expect(found).toEqual([["a"], ["b"]]);
});

test("runScenario() does not send a step that lacks what an earlier one should have captured", async () => {
  const { sent, found } = await converse([{ name: "a", path: "/{{task}}" }], [], { a: OK });
  expect(sent).toEqual([]);
  expect(found).toEqual([["a", ': Error: No earlier step captured "task"']]);
});

test("runScenario() tells of a step that was never recorded, and of a connection that fails", async () => {
  const { found } = await converse(
    [
      { name: "a", path: "/" },
      { name: "b", path: "/" },
    ],
    [[200, { code: 0 }], new Error("refused")],
    { b: OK },
  );
  expect(found).toEqual([
    ["a", ": not recorded"],
    ["b", ": Error: refused"],
  ]);
});

test("runScenario() wants nothing of a setup but that it succeeds", async () => {
  const setup = { path: "/", setup: true };
  const { found } = await converse(
    [
      { name: "a", ...setup },
      { name: "b", ...setup },
    ],
    [
      [200, {}],
      [404, {}],
    ],
  );
  expect(found[0]).toEqual(["a"]);
  expect(found[1]?.[1]).toStartWith(": failed: ");
});

test("runScenario() repeats a step until its answer will do, and compares that one", async () => {
  const until = { path: "json.status", oneOf: ["done"], withinMs: 10_000 };
  const { sent, found } = await converse(
    [{ name: "a", path: "/", until }],
    [
      [200, { status: "running" }],
      [200, { status: "done" }],
    ],
    { a: { status: 200, json: { status: "done" } } },
  );
  expect(sent).toHaveLength(2);
  expect(found).toEqual([["a"]]);
});

test("runScenario() stops waiting when it has become hopeless or too long, and then a setup has failed", async () => {
  const until = { path: "json.status", oneOf: ["done"], never: ["failed"], withinMs: 10_000 };
  const step = { path: "/", setup: true };
  const { sent, found } = await converse(
    [
      { name: "a", ...step, until },
      { name: "b", ...step, until: { ...until, withinMs: -1 } },
    ],
    [
      [200, { status: "failed" }],
      [200, { status: "running" }],
    ],
  );
  expect(sent).toHaveLength(2);
  expect(found.map(([, problem]) => problem?.slice(0, 9))).toEqual([": failed:", ": failed:"]);
});

test("runScenario() compares what the platform was asked during a step that looks at it, and only then", async () => {
  const request = (body: string): PlatformRequest => ({ method: "POST", path: "/x", headers: {}, body });
  const { found } = await converse(
    [
      { name: "a", path: "/a", platform: true },
      { name: "b", path: "/b", platform: true },
      { name: "c", path: "/c" },
    ],
    [
      [200, { code: 0 }],
      [200, { code: 0 }],
      [200, { code: 0 }],
    ],
    {
      a: {
        ...OK,
        received: [{ method: "POST", path: "/x", headers: {}, body: { url: "http://{{dify}}/" } }],
      },
      b: { ...OK, received: [] },
      c: OK,
    },
    // Before and after each step.
    [[request("left over")], [request('{"url":"http://127.0.0.1:2/"}')], [], [request("text")], []],
  );
  expect(found).toEqual([["a"], ["b", "received: want 0 elements, have 1"], ["c"]]);
});
