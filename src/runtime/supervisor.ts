import { errorMessage } from "../lib/describe-error.ts";
import type { LogAttributes, Logger } from "../lib/logger.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import { type Effect, INITIAL, type Input, next, type State } from "./lifecycle.ts";
import type { RestartPolicy } from "./restart-policy.ts";

/** What is supervised: something that runs, becomes ready and ends. */
export interface Supervised {
  /** What a log tells of it beside the plugin, such as its pid. */
  readonly facts: LogAttributes;
  /** Rejects when it ends before it is ready. */
  readonly ready: Promise<void>;
  /** Why it ended. Never rejects. */
  readonly ended: Promise<string>;
  stop(drainMs: number): Promise<void>;
  kill(): Promise<void>;
}

export interface SupervisorOptions<Plan, Running extends Supervised> {
  /** The plugin in texts. */
  readonly label: string;
  readonly policy: RestartPolicy;
  readonly log: Logger;
  /** Open calls of a plugin that is told to stop get this long. */
  readonly drainMs: number;
  readonly now: () => number;
  /** Takes one of the daemon's start slots; who has callers waiting goes first. Answers how to give it back. */
  readonly takeSlot: (rank: () => number, signal: AbortSignal) => Promise<() => void>;
  readonly prepare: (signal: AbortSignal) => Promise<Plan>;
  readonly start: (plan: Plan) => Promise<Running>;
  readonly onState?: (state: State) => void;
}

/** Runs the lifecycle: turns its effects into deeds and what happens into inputs. */
export interface Supervisor<Running> {
  readonly state: State;
  readonly current: Running | undefined;
  readonly restarts: number;
  readonly lastFailure: string | undefined;
  /** The running instance; starts it and waits when there is none. Rejects when it cannot be started, or with the signal. */
  instance(signal: AbortSignal): Promise<Running>;
  /** Starts it in the background, after everything that callers wait for. */
  warm(): void;
  /** Told to stop after its open calls. Resolves when it has ended, also when somebody who asked meanwhile starts it again. */
  stop(options?: { readonly drainMs?: number }): Promise<void>;
  /** Ended by force. */
  kill(): Promise<void>;
}

interface Held<Running> {
  readonly resolve: (running: Running) => void;
  readonly reject: (error: unknown) => void;
}

export function createSupervisor<Plan, Running extends Supervised>(
  options: SupervisorOptions<Plan, Running>,
): Supervisor<Running> {
  const { label, policy, log, now } = options;
  const held = new Set<Held<Running>>();
  let state: State = INITIAL;
  let current: Running | undefined;
  let plan: Plan | undefined;
  let restarts = 0;
  let lastFailure: { readonly why: string; readonly cause: unknown } | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let preparing: AbortController | undefined;
  let giveBack: (() => void) | undefined;
  let drainMs = options.drainMs;
  let stopping: PromiseWithResolvers<void> | undefined;

  function feed(input: Input): void {
    const before = state;
    const step = next(state, input, policy);
    state = step.state;
    if (state.kind !== before.kind) {
      log.debug("Plugin state", { plugin: label, from: before.kind, to: state.kind });
      options.onState?.(state);
    }
    for (const effect of step.effects) act(effect);
    if (state.kind !== "stopping") {
      stopping?.resolve();
      stopping = undefined;
    }
    if (state.kind !== "preparing" && state.kind !== "starting") {
      giveBack?.();
      giveBack = undefined;
    }
  }

  function act(effect: Effect): void {
    switch (effect.kind) {
      case "prepare":
        background(prepare());
        return;
      case "start":
        background(start());
        return;
      case "abort_prepare":
        preparing?.abort(
          new DaemonError("unavailable", `Plugin "${label}" was stopped while it was prepared`),
        );
        return;
      case "set_timer":
        restarts++;
        timer = setTimeout(() => feed({ kind: "timer" }), effect.delayMs);
        return;
      case "clear_timer":
        clearTimeout(timer);
        return;
      case "drain_process":
        if (current) background(current.stop(drainMs));
        return;
      case "kill_process":
        if (current) background(current.kill());
        return;
      case "release_held":
        releaseHeld();
        return;
      case "reject_held":
        rejectHeld(effect.why);
        return;
    }
  }

  /** Holder of everything that runs beside: each of these ends in an input, and none may reject. */
  function background(work: Promise<void>): void {
    work.catch((cause: unknown) => log.error("Cannot supervise plugin", { plugin: label, error: cause }));
  }

  function releaseHeld(): void {
    const running = current;
    if (!running) return;
    for (const waiter of held) waiter.resolve(running);
    held.clear();
  }

  function rejectHeld(why: string): void {
    const cause = lastFailure?.why === why ? lastFailure.cause : undefined;
    const error =
      cause instanceof DaemonError
        ? cause
        : new DaemonError("unavailable", why, cause === undefined ? {} : { cause });
    for (const waiter of held) waiter.reject(error);
    held.clear();
  }

  async function prepare(): Promise<void> {
    const abort = new AbortController();
    preparing = abort;
    const outcome = await tryToPrepare(abort.signal);
    // Not later: the input may begin the next preparation, which has an abort of its own.
    preparing = undefined;
    feed(outcome);
  }

  async function tryToPrepare(signal: AbortSignal): Promise<Input> {
    try {
      giveBack ??= await options.takeSlot(() => held.size, signal);
      plan = await options.prepare(signal);
      signal.throwIfAborted();
      return { kind: "prepared" };
    } catch (cause) {
      const why = errorMessage(cause);
      if (!signal.aborted) {
        lastFailure = { why, cause };
        log.error("Cannot prepare plugin", { plugin: label, error: cause });
      }
      return { kind: "prepare_failed", at: now(), why };
    }
  }

  async function start(): Promise<void> {
    const began = now();
    let running: Running;
    try {
      if (plan === undefined) throw new Error("nothing is prepared");
      running = await options.start(plan);
    } catch (cause) {
      const why = errorMessage(cause);
      exited({ why, cause, facts: {} }, why);
      return;
    }
    current = running;
    if (state.kind === "stopping") background(running.kill());
    let cause: unknown;
    try {
      await running.ready;
      log.info("Plugin ready", { plugin: label, ...running.facts, start_ms: Math.round(now() - began) });
      feed({ kind: "ready", at: now() });
    } catch (failure) {
      cause = failure;
    }
    const why = await running.ended;
    current = undefined;
    const facts = { ...running.facts, ran_s: Math.round((now() - began) / 1000) };
    exited({ why, cause, facts }, cause instanceof Error ? cause.message : why);
  }

  /** `told` is what callers learn; a log has the output of the process in lines of its own already. */
  function exited(
    end: { readonly why: string; readonly cause: unknown; readonly facts: LogAttributes },
    told: string,
  ): void {
    const asked = state.kind === "stopping";
    const wasReady = state.kind === "running";
    if (!asked) lastFailure = { why: told, cause: end.cause };
    feed({ kind: "exited", at: now(), why: told });
    const attributes = { plugin: label, ...end.facts, why: end.why };
    if (asked) log.info("Plugin stopped", attributes);
    else if (state.kind === "waiting")
      log.warn("Plugin ended and is started again", {
        ...attributes,
        in_ms: Math.round(state.until - now()),
        restarts,
      });
    else
      log.error(
        wasReady ? "Plugin ended too often and is not started again before a call" : "Plugin did not start",
        attributes,
      );
  }

  async function end(kind: "stop" | "kill"): Promise<void> {
    feed({ kind });
    if (state.kind !== "stopping") return;
    stopping ??= Promise.withResolvers<void>();
    await stopping.promise;
  }

  return {
    get state() {
      return state;
    },
    get current() {
      return state.kind === "running" ? current : undefined;
    },
    get restarts() {
      return restarts;
    },
    get lastFailure() {
      return lastFailure?.why;
    },
    instance(signal) {
      if (state.kind === "running" && current) return Promise.resolve(current);
      signal.throwIfAborted();
      return new Promise<Running>((resolve, reject) => {
        const settle = (finish: () => void) => {
          held.delete(waiter);
          signal.removeEventListener("abort", onAbort);
          finish();
        };
        const waiter: Held<Running> = {
          resolve: (running) => settle(() => resolve(running)),
          reject: (error) => settle(() => reject(error instanceof Error ? error : new Error(String(error)))),
        };
        const onAbort = () => waiter.reject(signal.reason);
        signal.addEventListener("abort", onAbort, { once: true });
        held.add(waiter);
        feed({ kind: "demand", at: now() });
      });
    },
    warm() {
      if (state.kind === "stopped") feed({ kind: "demand", at: now() });
    },
    stop(stopOptions = {}) {
      drainMs = stopOptions.drainMs ?? options.drainMs;
      return end("stop");
    },
    kill: () => end("kill"),
  };
}
