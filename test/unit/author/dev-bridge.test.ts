/** Which process answers what, while one is replaced by the next. */
import { expect, test } from "bun:test";
import { createDevBridge } from "../../../src/service/author/dev/dev-bridge.ts";
import type { DevChild, ReadLine } from "../../../src/service/author/dev/dev-child.ts";
import { devDialect } from "../../../src/service/author/dev/dev-dialect.ts";
import type { DevLink } from "../../../src/service/author/dev/dev-link.ts";
import { readRunner } from "../../../src/protocol/runner.ts";

const FAILURE = { type: "PluginRestartedError", message: "restarted" };
const plain = devDialect(
  readRunner({ language: "python", version: "3.12", entrypoint: "m", protocol: "plain" }),
);

function request(id: string): string {
  return JSON.stringify({
    type: "invoke",
    session_id: `s-${id}`,
    request_id: id,
    action: "invoke",
    data: {},
  });
}

function answer(id: string): ReadLine {
  const text = JSON.stringify({ type: "response", request_id: id, status: "success", data: {} });
  return { text, is: plain.ofPlugin(text) };
}

function child(): DevChild & { readonly got: string[] } {
  const got: string[] = [];
  return {
    got,
    pid: 1,
    ready: Promise.resolve(),
    ended: Promise.withResolvers<never>().promise,
    write: async (line) => void got.push(line.trimEnd()),
    stop: () => Promise.resolve(),
  };
}

/** A connection whose daemon sends these lines, and then waits. */
function link(...lines: readonly string[]) {
  const told: string[] = [];
  const read = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const one: DevLink = {
    async *blocks() {
      for (const line of lines) yield line;
      read.resolve();
      await closed.promise;
    },
    write: async (text) => void told.push(text.trimEnd()),
    isOpen: true,
    close: () => closed.resolve(),
  };
  return { ...one, told, read: read.promise };
}

function bridge() {
  return createDevBridge({ dialect: () => plain, onRefused: () => undefined, onReload: () => undefined });
}

test("idle() resolves with the last answer of the process that is held, whose call is not cut", async () => {
  const dev = bridge();
  const daemon = link(request("a"), request("b"));
  const old = child();
  dev.open(old);
  const served = dev.serve(daemon);
  await daemon.read;
  expect(old.got).toEqual([request("a"), request("b")]);
  dev.hold();
  let idle = false;
  const emptied = dev.idle().then(() => (idle = true));
  await dev.fromPlugin(old, [answer("a")]);
  expect(idle).toBe(false);
  await dev.fromPlugin(old, [answer("b")]);
  await emptied;
  dev.cut(FAILURE);
  expect(daemon.told).toEqual([answer("a").text, answer("b").text]);
  daemon.close();
  await served;
});

test("cut() ends what is open with the failure; a request that came while held goes to the next process", async () => {
  const dev = bridge();
  const daemon = link(request("a"));
  const old = child();
  const next = child();
  dev.open(old);
  const served = dev.serve(daemon);
  await daemon.read;
  dev.hold();
  const later = link(request("b"));
  const servedLater = dev.serve(later);
  const emptied = dev.idle();
  dev.cut(FAILURE);
  await emptied;
  expect(daemon.told).toHaveLength(1);
  expect(daemon.told[0]).toContain("PluginRestartedError");
  dev.open(next);
  await later.read;
  expect(old.got).toEqual([request("a")]);
  expect(next.got).toEqual([request("b")]);
  daemon.close();
  later.close();
  await Promise.all([served, servedLater]);
});
