import type { LaunchLine } from "../../protocol/serverless/launch-line.ts";

/** The events of one launch, for any number of listeners, whenever they come. */
export interface LaunchProgress {
  /** After the end nothing is told any more. */
  tell(stage: LaunchLine["Stage"], state: LaunchLine["State"], object: string, message: string): void;
  pass(event: LaunchLine): void;
  end(): void;
  /** The last event: the stage that was reached has failed. */
  fail(message: string): void;
  /** All events from the first; resolves with the last one, or when the signal aborts. */
  follow(onEvent: (event: LaunchLine) => void, options: { readonly signal: AbortSignal }): Promise<void>;
}

/** A build may tell thousands of lines; who joins late gets the first of them and the last. */
const KEPT_EVENTS = 400;

export function createLaunchProgress(): LaunchProgress {
  const events: LaunchLine[] = [];
  const listeners = new Set<(event: LaunchLine) => void>();
  const over = Promise.withResolvers<void>();
  let ended = false;
  let stage: LaunchLine["Stage"] = "start";

  function pass(event: LaunchLine): void {
    if (ended) return;
    stage = event.Stage;
    events.push(event);
    if (events.length > KEPT_EVENTS) events.splice(KEPT_EVENTS / 2, 1);
    for (const tell of listeners) tell(event);
  }

  function end(): void {
    ended = true;
    over.resolve();
  }

  return {
    pass,
    tell: (Stage, State, Obj, Message) => pass({ Stage, State, Obj, Message }),
    end,
    fail(Message) {
      pass({ Stage: stage, State: "failed", Obj: "", Message });
      end();
    },
    async follow(onEvent, { signal }) {
      for (const event of events) onEvent(event);
      if (ended || signal.aborted) return;
      listeners.add(onEvent);
      const left = Promise.withResolvers<void>();
      const leave = () => left.resolve();
      signal.addEventListener("abort", leave, { once: true });
      await Promise.race([over.promise, left.promise]);
      signal.removeEventListener("abort", leave);
      listeners.delete(onEvent);
    },
  };
}
