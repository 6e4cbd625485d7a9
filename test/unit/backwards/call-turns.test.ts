import { describe, expect, test } from "bun:test";
import { type CallTurn, createCallTurns } from "../../../src/session/call-turns.ts";

/** Enters, and notes in `begun` when it may begin. */
function enter(turns: { enter(): CallTurn }, begun: string[], name: string): CallTurn {
  const turn = turns.enter();
  void turn.take().then(() => begun.push(name));
  return turn;
}

const settle = () => Bun.sleep(0);

describe("createCallTurns()", () => {
  test("lets so many begin, the others when one leaves, in their order", async () => {
    const turns = createCallTurns({ atFirst: 2, atMost: 3 });
    const begun: string[] = [];
    const [a] = ["a", "b", "c", "d"].map((name) => enter(turns, begun, name));
    await settle();
    expect(begun).toEqual(["a", "b"]);
    a?.leave();
    a?.leave();
    await settle();
    expect(begun).toEqual(["a", "b", "c"]);
  });

  test("whoever takes its answers gets more of them, up to a limit, until it leaves some unread", async () => {
    const turns = createCallTurns({ atFirst: 1, atMost: 2 });
    const begun: string[] = [];
    const [a, b] = ["a", "b", "c"].map((name) => enter(turns, begun, name));
    turns.earn();
    turns.earn();
    await settle();
    expect(begun).toEqual(["a", "b"]);
    turns.distrust();
    a?.leave();
    await settle();
    expect(begun).toEqual(["a", "b"]);
    b?.leave();
    await settle();
    expect(begun).toEqual(["a", "b", "c"]);
  });

  test("whoever leaves while it waits waits no more, and takes no place", async () => {
    const turns = createCallTurns({ atFirst: 1, atMost: 1 });
    const begun: string[] = [];
    const [a, b] = ["a", "b", "c"].map((name) => enter(turns, begun, name));
    b?.leave();
    await settle();
    expect(begun).toEqual(["a", "b"]);
    a?.leave();
    await settle();
    expect(begun).toEqual(["a", "b", "c"]);
    await b?.take();
  });
});
