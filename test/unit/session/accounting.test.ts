import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { createBudget } from "../../../src/session/budget.ts";
import { createSession, type Session } from "../../../src/session/session.ts";

/** Two sessions over one budget that is counted from outside. */
function setUp() {
  let held = 0;
  const sessions: Session[] = [];
  const released: string[] = [];
  const real = createBudget({ limitBytes: 50, stallMs: 60_000, holders: () => sessions });
  const budget = {
    ...real,
    add(bytes: number) {
      held += bytes;
      real.add(bytes);
    },
    release(bytes: number) {
      held -= bytes;
      real.release(bytes);
    },
  };
  for (const sessionId of ["a", "b"])
    sessions.push(
      createSession({
        sessionId,
        budget,
        decodeItem: (_value, raw) => raw,
        timeoutMs: 60_000,
        onEnd: () => undefined,
        onReleased: () => released.push(sessionId),
        evictionError: () => ({ error_type: "SlowConsumerError", message: "" }),
      }),
    );
  return { sessions, released, held: () => held };
}

type Step =
  | { readonly kind: "deliver"; readonly size: number }
  | { readonly kind: "take" | "complete" | "timeout" | "closed" | "cancel" | "evict" | "yield" };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.nat(40).map((size): Step => ({ kind: "deliver", size: size + 1 })) },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: "take" }) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom("complete", "timeout", "closed", "cancel", "evict", "yield")
      .map((kind): Step => ({ kind })),
  },
);

async function perform(session: Session, step: Step, taking: Set<Promise<unknown>>): Promise<void> {
  switch (step.kind) {
    case "deliver":
      session.deliver(0, "x".repeat(step.size));
      return;
    case "take": {
      // One consumer: it never pulls again before it was answered.
      if (taking.size > 0) return;
      const taken = session.invocation.take().finally(() => taking.delete(taken));
      taking.add(taken);
      return;
    }
    case "complete":
      session.end({ kind: "completed" });
      return;
    case "timeout":
      session.end({ kind: "timeout" });
      return;
    case "closed":
      session.end({ kind: "connection_closed", error: { error_type: "E", message: "" } });
      return;
    case "cancel":
      session.invocation.cancel();
      return;
    case "evict":
      session.evict();
      return;
    case "yield":
      await Promise.resolve();
  }
}

test("createSession() gives back all that it held, whatever happens in whatever order", async () => {
  const schedule = fc.array(fc.tuple(fc.constantFrom(0, 1), STEP), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(schedule, async (steps) => {
      const { sessions, released, held } = setUp();
      const taking = [new Set<Promise<unknown>>(), new Set<Promise<unknown>>()];
      for (const [which, step] of steps) {
        const [session, takes] = [sessions[which], taking[which]];
        if (!session || !takes) throw new Error("There are two");
        await perform(session, step, takes);
        expect(held()).toBe(sessions.reduce((sum, { heldBytes }) => sum + heldBytes, 0));
        expect(held()).toBeGreaterThanOrEqual(0);
      }
      // The clients leave, as they do at last.
      for (const session of sessions) session.invocation.cancel();
      expect(held()).toBe(0);
      for (const { invocation } of sessions) expect((await invocation.take()).items).toEqual([]);
      expect(held()).toBe(0);
      expect(released.toSorted()).toEqual(["a", "b"]);
    }),
    { numRuns: 500 },
  );
});

test("createSession() frees what a client left unread, though the plugin had ended the call before", () => {
  const { sessions, held } = setUp();
  const [session] = sessions;
  session?.deliver(0, "x".repeat(30));
  session?.end({ kind: "completed" });
  expect(held()).toBe(30);
  session?.invocation.cancel();
  expect(held()).toBe(0);
});
