import { describe, expect, test } from "bun:test";
import { createDevBridge } from "../../../src/service/author/dev/dev-bridge.ts";
import type { DevChild } from "../../../src/service/author/dev/dev-child.ts";
import { devDialect } from "../../../src/service/author/dev/dev-dialect.ts";
import type { DevLink } from "../../../src/service/author/dev/dev-link.ts";

const dialect = devDialect({ dialect: "sdk", liveness: "told" });
const FAILURE = { type: "T", message: "m" };

function request(id: string): string {
  return JSON.stringify({ event: "request", session_id: id, data: {} });
}
function said(id: string, type = "stream") {
  const text = JSON.stringify({ event: "session", session_id: id, data: { type, data: {} } });
  return { text, is: dialect.ofPlugin(text) };
}

/** A connection whose lines are given one by one; what is written to it is kept. */
function link() {
  const written: string[] = [];
  const lines: string[] = [];
  let wake = Promise.withResolvers<void>();
  const state = { open: true };
  const made: DevLink = {
    get isOpen() {
      return state.open;
    },
    async *blocks() {
      while (state.open || lines.length > 0) {
        const line = lines.shift();
        if (line !== undefined) yield `${line}\n`;
        else {
          wake = Promise.withResolvers();
          await wake.promise;
        }
      }
    },
    async write(text) {
      if (!state.open) throw new Error("gone");
      written.push(text.trimEnd());
    },
    close() {
      state.open = false;
      wake.resolve();
    },
  };
  return {
    made,
    written,
    say(...more: string[]) {
      lines.push(...more);
      wake.resolve();
    },
  };
}

function child(broken = false): { readonly made: DevChild; readonly written: string[] } {
  const written: string[] = [];
  return {
    written,
    made: {
      pid: 1,
      ready: Promise.resolve(),
      ended: new Promise(() => undefined),
      async write(line) {
        if (broken) throw new Error("gone");
        written.push(line.trimEnd());
      },
      stop: () => Promise.resolve(),
    },
  };
}

function setUp() {
  const reloads: string[] = [];
  const bridge = createDevBridge({
    dialect: () => dialect,
    onRefused: (why) => reloads.push(why),
    onReload: () => reloads.push("reload"),
  });
  const daemon = link();
  const served = bridge.serve(daemon.made);
  return { bridge, daemon, served, told: reloads };
}

/** What is on its way has arrived. */
async function settle(): Promise<void> {
  for (let n = 0; n < 50; n++) await Promise.resolve();
}

describe("createDevBridge()", () => {
  test("keeps requests for the process that comes, in their order", async () => {
    const { bridge, daemon } = setUp();
    daemon.say(request("a"), request("b"));
    await settle();
    const next = child();
    bridge.open(next.made);
    await settle();
    expect(next.written).toEqual([request("a"), request("b")]);
    await bridge.fromPlugin(next.made, [said("a"), said("a", "end")]);
    expect(daemon.written).toEqual([`${said("a").text}\n${said("a", "end").text}`]);
    expect(bridge.isIdle(daemon.made)).toBe(false);
    await bridge.fromPlugin(next.made, [said("b", "end")]);
    expect(bridge.isIdle(daemon.made)).toBe(true);
  });

  test("ends open calls when their process is replaced; what it says later goes nowhere", async () => {
    const { bridge, daemon } = setUp();
    const first = child();
    bridge.open(first.made);
    daemon.say(request("a"));
    await settle();
    bridge.hold(FAILURE);
    await settle();
    expect(daemon.written).toEqual([dialect.failure({ id: "a", sessionId: "a" }, FAILURE).trimEnd()]);
    const second = child();
    bridge.open(second.made);
    await bridge.fromPlugin(first.made, [said("a")]);
    await bridge.fromPlugin(second.made, [said("a")]);
    expect(daemon.written.length).toBe(1);
    // An answer to a call back of the old one is not for the new one.
    daemon.say(JSON.stringify({ event: "backwards_response", session_id: "a", data: {} }));
    await settle();
    expect(second.written).toEqual([]);
  });

  test("answers requests with the failure while the plugin does not run", async () => {
    const { bridge, daemon } = setUp();
    daemon.say(request("a"));
    await settle();
    bridge.refuse(FAILURE);
    daemon.say(request("b"));
    await settle();
    expect(daemon.written.map((text) => JSON.parse(text).session_id)).toEqual(["a", "b"]);
  });

  test("gives a request that its process could not take to the next one", async () => {
    const { bridge, daemon } = setUp();
    bridge.open(child(true).made);
    daemon.say(request("a"));
    await settle();
    const next = child();
    bridge.open(next.made);
    await settle();
    expect(next.written).toEqual([request("a")]);
  });

  test("answers over the connection that a call came by, and speaks over the latest", async () => {
    const { bridge, daemon } = setUp();
    const next = child();
    bridge.open(next.made);
    daemon.say(request("a"));
    await settle();
    const later = link();
    void bridge.serve(later.made);
    const log = { text: '{"event":"log"}', is: { kind: "other" } as const };
    await bridge.fromPlugin(next.made, [said("a", "end"), log]);
    expect([daemon.written, later.written]).toEqual([[said("a", "end").text], [log.text]]);
    later.made.close();
  });

  test("does not execute what nobody waits for any more", async () => {
    const { bridge, daemon, served } = setUp();
    daemon.say(request("a"));
    await settle();
    daemon.made.close();
    const next = child();
    bridge.open(next.made);
    await served;
    expect(next.written).toEqual([]);
  });

  test("tells of refusals", async () => {
    const { daemon, told } = setUp();
    daemon.say("handshake failed, invalid key");
    await settle();
    expect(told).toEqual(["handshake failed, invalid key"]);
  });
});
