/**
 * Lifecycle of one plugin on this machine, as a pure function.
 *
 *                 demand              prepared             ready
 *   stopped ─────────────▶ preparing ─────────▶ starting ─────────▶ running ──┐
 *      ▲                    │    ▲                │    ▲               │      │ stop
 *      │                    │    │                │    │ timer         │exited│
 *      │             failed │    │ demand         │exited             ▼      │
 *      │                    ▼    │                └──▶ waiting ◀───────┘      │
 *      │                   failed ◀──────────────────────┘ (attempts spent)   │
 *      │                                                                      ▼
 *      └──────────────────────────── exited ───────────────────────────── stopping
 *
 *   any state ──kill──▶ stopping (at once, by force)      stopping ──drained / limit──▶ SIGTERM ──grace──▶ SIGKILL
 *
 * "stop": the plugin is told to go after its open calls. "kill": its process is ended by force.
 * "shutdown": the daemon leaves; the supervisor stops every plugin with one common limit.
 */
import { nextDelayMs, type RestartPolicy } from "./restart-policy.ts";

export type State =
  | { readonly kind: "stopped" }
  | { readonly kind: "preparing"; readonly attempt: number }
  | { readonly kind: "starting"; readonly attempt: number }
  | { readonly kind: "running"; readonly attempt: number; readonly since: number }
  /** Between two attempts; `until` is the time of the next one. */
  | { readonly kind: "waiting"; readonly attempt: number; readonly until: number; readonly why: string }
  /** Given up until somebody asks again after `retryAt`. */
  | { readonly kind: "failed"; readonly why: string; readonly retryAt: number }
  /** `until`: whose end it waits for. `again`: somebody asked meanwhile. */
  | { readonly kind: "stopping"; readonly until: "prepare_failed" | "exited"; readonly again: boolean };

export type Input =
  /** A call came, or the plugin should run because it was used lately. */
  | { readonly kind: "demand"; readonly at: number }
  | { readonly kind: "prepared" }
  /** Preparing failed: repeating it at once would fail again. */
  | { readonly kind: "prepare_failed"; readonly at: number; readonly why: string }
  /** The first heartbeat was seen. */
  | { readonly kind: "ready"; readonly at: number }
  /** The process ended, or never came to life. */
  | { readonly kind: "exited"; readonly at: number; readonly why: string }
  | { readonly kind: "timer" }
  | { readonly kind: "stop" }
  | { readonly kind: "kill" };

export type Effect =
  | { readonly kind: "prepare" }
  | { readonly kind: "start" }
  | { readonly kind: "abort_prepare" }
  | { readonly kind: "set_timer"; readonly delayMs: number }
  | { readonly kind: "clear_timer" }
  /** End the process after its open calls. */
  | { readonly kind: "drain_process" }
  | { readonly kind: "kill_process" }
  /** Calls that are held get an instance now. */
  | { readonly kind: "release_held" }
  | { readonly kind: "reject_held"; readonly why: string };

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}

export const INITIAL: State = { kind: "stopped" };

function to(state: State, ...effects: Effect[]): Step {
  return { state, effects };
}

/** Inputs that mean nothing in a state leave it as it is. */
export function next(state: State, input: Input, policy: RestartPolicy): Step {
  switch (input.kind) {
    case "demand":
      return onDemand(state, input.at);
    case "prepared":
      return state.kind === "preparing"
        ? to({ kind: "starting", attempt: state.attempt }, { kind: "start" })
        : to(state);
    case "prepare_failed":
      return onPrepareFailed(state, input, policy);
    case "ready":
      return state.kind === "starting"
        ? to({ kind: "running", attempt: state.attempt, since: input.at }, { kind: "release_held" })
        : to(state);
    case "exited":
      return onExited(state, input, policy);
    case "timer":
      return state.kind === "waiting"
        ? to({ kind: "preparing", attempt: state.attempt + 1 }, { kind: "prepare" })
        : to(state);
    case "stop":
      return onStop(state, { kind: "drain_process" }, "the plugin was stopped");
    case "kill":
      return onStop(state, { kind: "kill_process" }, "the plugin was stopped by force");
  }
}

function onDemand(state: State, at: number): Step {
  switch (state.kind) {
    case "stopped":
      return to({ kind: "preparing", attempt: 1 }, { kind: "prepare" });
    case "failed":
      // Too soon for another attempt: whoever asks learns why the last one failed, at once.
      return at < state.retryAt
        ? to(state, { kind: "reject_held", why: state.why })
        : to({ kind: "preparing", attempt: 1 }, { kind: "prepare" });
    case "stopping":
      return to({ ...state, again: true });
    case "running":
      return to(state, { kind: "release_held" });
    case "preparing":
    case "starting":
    case "waiting":
      return to(state);
  }
}

function onPrepareFailed(state: State, input: { at: number; why: string }, policy: RestartPolicy): Step {
  if (state.kind === "stopping") return leaveStopping(state, "prepare_failed");
  if (state.kind !== "preparing") return to(state);
  return to(
    { kind: "failed", why: input.why, retryAt: input.at + policy.retryAfterMs },
    { kind: "reject_held", why: input.why },
  );
}

function onExited(state: State, input: { at: number; why: string }, policy: RestartPolicy): Step {
  switch (state.kind) {
    case "starting":
    case "running": {
      // A process that lived long enough has earned a fresh count.
      const earned = state.kind === "running" && input.at - state.since >= policy.healthyAfterMs;
      const attempt = earned ? 1 : state.attempt;
      const delayMs = nextDelayMs(attempt, policy);
      // A plugin that never came to life tells whoever waits; the next call tries again.
      const neverRan = state.kind === "starting" && attempt >= policy.startAttempts;
      if (delayMs === undefined || neverRan)
        return to(
          { kind: "failed", why: input.why, retryAt: input.at + policy.retryAfterMs },
          { kind: "reject_held", why: input.why },
        );
      return to(
        { kind: "waiting", attempt, until: input.at + delayMs, why: input.why },
        { kind: "set_timer", delayMs },
      );
    }
    case "stopping":
      return leaveStopping(state, "exited");
    case "stopped":
    case "preparing":
    case "waiting":
    case "failed":
      return to(state);
  }
}

type Stopping = Extract<State, { kind: "stopping" }>;

function leaveStopping(state: Stopping, ended: Stopping["until"]): Step {
  if (state.until !== ended) return to(state);
  return state.again ? to({ kind: "preparing", attempt: 1 }, { kind: "prepare" }) : to({ kind: "stopped" });
}

function onStop(state: State, end: Effect, why: string): Step {
  switch (state.kind) {
    case "stopped":
    case "failed":
      return to({ kind: "stopped" });
    case "waiting":
      return to({ kind: "stopped" }, { kind: "clear_timer" }, { kind: "reject_held", why });
    case "preparing":
      return to(
        { kind: "stopping", until: "prepare_failed", again: false },
        { kind: "abort_prepare" },
        { kind: "reject_held", why },
      );
    case "starting":
    case "running":
      return to({ kind: "stopping", until: "exited", again: false }, end, { kind: "reject_held", why });
    case "stopping":
      // Told again: who asked in between is refused as well.
      return to({ ...state, again: false }, end, { kind: "reject_held", why });
  }
}
