import { type Difference, differences } from "./compare.ts";
import { describeReceived, describeReply } from "./describe-reply.ts";
import type { DebugConnections } from "./debug-connections.ts";
import type { Reply, WireRequest } from "./exchange.ts";
import { normalise } from "./normalise.ts";
import type { PlatformRequest } from "./recorded-platform.ts";
import type { AnyStep, ConnectionStep, ProcessStep, Scenario, Step, Until } from "./scenarios/scenario.ts";
import { fillIn, writeRequest } from "./write-request.ts";

/** Name of a step → what the reference answered, as `describeReply` tells it. */
export type RecordedAnswers = ReadonlyMap<string, unknown>;

export interface ScenarioRun {
  /** Host and port of the daemon. */
  readonly host: string;
  readonly serverKey: string;
  readonly recorded: RecordedAnswers;
  readonly readPackage: (name: string) => Uint8Array;
  /** The platform behind the daemon, for steps that look at it. */
  readonly platform: { readonly host: string; take(): readonly PlatformRequest[] };
  readonly send: (request: WireRequest, options: { readonly abortAfterMs?: number }) => Promise<Reply>;
  /** Of a daemon that developers can connect to. */
  readonly debugging?: {
    readonly connections: Pick<DebugConnections, "step">;
    /** Starts a plugin that connects with the key, or ends it. */
    readonly process: (what: ProcessStep["process"], key: string) => Promise<void>;
  };
}

export interface StepOutcome {
  readonly step: string;
  /** None: the answer is as recorded. */
  readonly differences: readonly Difference[];
}

const POLL_MS = 50;

/** Runs all steps, also behind one that fails, and compares their answers with the recorded ones. */
export async function runScenario(scenario: Scenario, run: ScenarioRun): Promise<StepOutcome[]> {
  const captured = new Map([["tenant", scenario.tenant]]);
  const outcomes: StepOutcome[] = [];
  for (const step of scenario.steps) {
    const found = await runAnyStep(step, { run, captured }).catch((error: unknown) => [
      { path: "", problem: String(error) },
    ]);
    outcomes.push({ step: step.name, differences: found });
  }
  return outcomes;
}

interface StepFacts {
  readonly run: ScenarioRun;
  readonly captured: Map<string, string>;
}

async function runAnyStep(step: AnyStep, facts: StepFacts): Promise<Difference[]> {
  if ("path" in step) return runStep(step, facts);
  const { run, captured } = facts;
  if (!run.debugging) throw new Error("Nobody can connect to this daemon");
  if ("connection" in step) return runConnection(step, facts);
  await run.debugging.process(step.process, captured.get("debug_key") ?? "");
  return [];
}

async function runConnection(step: ConnectionStep, { run, captured }: StepFacts): Promise<Difference[]> {
  const filled = JSON.parse(
    fillIn(JSON.stringify(step.connection), captured, ["session"]),
  ) as ConnectionStep["connection"];
  const answer = await run.debugging?.connections.step(filled);
  for (const line of answer?.lines ?? []) {
    const sessionId = valueAt(line, "session_id");
    if (typeof sessionId === "string") captured.set("session", sessionId);
  }
  const want = run.recorded.get(step.name);
  if (want === undefined) return [{ path: "", problem: "not recorded" }];
  return differences(
    want,
    normalise(answer, { captured, host: run.host, platformHost: run.platform.host, now: Date.now() }),
  );
}

async function runStep(step: Step, { run, captured }: StepFacts): Promise<Difference[]> {
  const request = writeRequest(step, {
    host: run.host,
    serverKey: run.serverKey,
    values: captured,
    readPackage: run.readPackage,
  });
  // What earlier steps have left.
  run.platform.take();
  const reply = await sendUntil(step, () =>
    run.send(request, step.abortAfterMs === undefined ? {} : { abortAfterMs: step.abortAfterMs }),
  );
  const view = viewOf(reply);
  for (const [name, path] of Object.entries(step.capture ?? {})) {
    const value = valueAt(view, path);
    if (typeof value === "string") captured.set(name, value);
  }
  const facts = { captured, host: run.host, platformHost: run.platform.host, now: Date.now() };
  const answer = {
    ...describeReply(reply, facts),
    ...(step.platform && { received: describeReceived(run.platform.take(), facts) }),
  };
  if (step.setup) {
    const worked = reply.status < 400 && (step.until === undefined || isMet(step.until, view));
    return worked ? [] : [{ path: "", problem: `failed: ${JSON.stringify(answer).slice(0, 1000)}` }];
  }
  const want = run.recorded.get(step.name);
  return want === undefined ? [{ path: "", problem: "not recorded" }] : differences(want, answer, step);
}

/** The last answer: the first that will do, or the one at which waiting became hopeless or too long. */
async function sendUntil({ until }: Step, send: () => Promise<Reply>): Promise<Reply> {
  const giveUp = performance.now() + (until?.withinMs ?? 0);
  for (;;) {
    const reply = await send();
    if (until === undefined || performance.now() > giveUp) return reply;
    const view = viewOf(reply);
    if (isMet(until, view) || until.never?.includes(valueAt(view, until.path))) return reply;
    await Bun.sleep(POLL_MS);
  }
}

function isMet(until: Until, view: View): boolean {
  return until.oneOf.includes(valueAt(view, until.path));
}

/** What `until` and `capture` look into: an answer before it is normalised. */
interface View {
  readonly status: number;
  readonly json: unknown;
  readonly first: unknown;
}

function viewOf({ status, body }: Reply): View {
  const text = body.toString("utf8");
  const [frame = ""] = text.split("\n\n", 1);
  return { status, json: tryParse(text), first: tryParse(frame.replace(/^data: /, "")) };
}

function valueAt(value: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (inner, key) =>
        typeof inner === "object" && inner !== null ? new Map(Object.entries(inner)).get(key) : undefined,
      value,
    );
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
