import { describe, expect, test } from "bun:test";
import { createEventReader } from "../../../src/lib/event-stream.ts";
import { createConnectionLimits } from "../../../src/runtime/serverless/connections.ts";
import {
  checkFunctionUrl,
  isPrivate,
  readFunctionUrl,
} from "../../../src/runtime/serverless/function-url.ts";
import { waitBefore } from "../../../src/runtime/serverless/retry-policy.ts";
import { createChooseRuntime, type ChooseRuntimeOptions } from "../../../src/service/choose-runtime.ts";
import { rejection } from "../../support/rejection.ts";

test("waitBefore() doubles from half a second to half a minute", () => {
  expect([2, 3, 4, 5, 8, 9, 1000].map(waitBefore)).toEqual([500, 1000, 2000, 4000, 30_000, 30_000, 30_000]);
});

describe("isPrivate()", () => {
  test.each([
    "127.0.0.1",
    "10.1.2.3",
    "172.31.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
  ])("%s is", (address) => expect(isPrivate(address)).toBe(true));
  test.each([
    "::1",
    "::",
    "fd00::1",
    "fe80::1",
    "::ffff:10.0.0.1",
    "ff02::1",
    "::7f00:1",
    "::ffff:7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
  ])("%s is", (address) => expect(isPrivate(address)).toBe(true));
  test.each(["8.8.8.8", "172.32.0.1", "2606:4700::1", "::ffff:8.8.8.8"])("%s is not", (address) =>
    expect(isPrivate(address)).toBe(false),
  );
});

test.each(["ftp://a", "a", "", "http://user:pass@a/", "javascript:alert(1)"])(
  "readFunctionUrl() refuses %j",
  (text) => {
    expect(() => readFunctionUrl(text)).toThrow("Cannot use ");
  },
);

describe("checkFunctionUrl()", () => {
  const at = (text: string, ...found: readonly string[]) =>
    checkFunctionUrl(new URL(text), { allowPrivate: false, lookup: () => Promise.resolve(found) });

  test("leads to an address that was looked at, under its own name", async () => {
    const { url, headers, tls } = await at("https://fn.example:8443/f?x=1", "8.8.8.8", "8.8.4.4");
    expect([url.href, headers, tls]).toEqual([
      "https://8.8.8.8:8443/f?x=1",
      { host: "fn.example:8443" },
      { serverName: "fn.example" },
    ]);
    const six = await at("http://fn.example/f", "2606:4700::1");
    expect([six.url.href, six.headers, six.tls]).toEqual([
      "http://[2606:4700::1]/f",
      { host: "fn.example" },
      undefined,
    ]);
    expect((await at("http://8.8.8.8/f")).url.href).toBe("http://8.8.8.8/f");
  });

  test("refuses a name of which one address is private, and one without any", async () => {
    expect(await rejection(at("http://fn.example/", "8.8.8.8", "10.0.0.1"))).toMatchObject({
      code: "bad_request",
      message: expect.stringContaining("its address 10.0.0.1 is in a private range"),
    });
    expect(await rejection(at("http://fn.example/"))).toMatchObject({ code: "unavailable" });
  });

  test("looks nothing up where private networks are allowed", async () => {
    const url = new URL("http://fn.example/");
    const lookup = () => Promise.reject(new Error("asked"));
    expect((await checkFunctionUrl(url, { allowPrivate: true, lookup })).url).toBe(url);
  });
});

describe("createConnectionLimits()", () => {
  const signal = new AbortController().signal;
  const settings = { maxPerHost: 100, maxIdle: 3, maxIdlePerHost: 2, idleMs: 1000 };

  test("keeps as many connections as may stand idle, of one host and of all", async () => {
    const limits = createConnectionLimits(settings, { now: () => 0 });
    const kept = async (host: string) => (await limits.open(host, signal)).keepAlive;
    expect([await kept("a"), await kept("a"), await kept("a")]).toEqual([true, true, false]);
    expect([await kept("b"), await kept("b")]).toEqual([true, false]);
  });

  test("does not use what has stood idle for too long", async () => {
    let now = 0;
    const limits = createConnectionLimits(settings, { now: () => now });
    (await limits.open("a", signal)).close();
    now = 1001;
    const late = await limits.open("a", signal);
    expect(late.keepAlive).toBe(false);
    late.close();
    expect((await limits.open("a", signal)).keepAlive).toBe(true);
  });

  test("lets one host wait without the others, and a waiter leave", async () => {
    const limits = createConnectionLimits({ ...settings, maxPerHost: 1 }, { now: () => 0 });
    const first = await limits.open("a", signal);
    const leave = new AbortController();
    const left = limits.open("a", leave.signal);
    const next = limits.open("a", signal);
    await limits.open("b", signal);
    leave.abort(new Error("left"));
    expect(await left.catch(String)).toBe("Error: left");
    first.close();
    first.close();
    (await next).close();
  });
});

describe("createChooseRuntime()", () => {
  const choose = (wish: unknown, memory: number, options: Partial<ChooseRuntimeOptions> = {}) =>
    createChooseRuntime({ defaultWish: "local", hasConnector: true, autoMemoryBytes: 1000, ...options })(
      wish,
      {
        resource: { memory },
      },
    );

  test("takes what is asked for, else the default, and says which it was", () => {
    expect(choose("serverless", 1)).toEqual({ runtimeType: "serverless", reason: "asked for" });
    expect(choose("local", 1e9)).toEqual({ runtimeType: "local", reason: "asked for" });
    expect(choose(undefined, 1)).toEqual({ runtimeType: "local", reason: "default (PLUGD_RUNTIME)" });
    expect(choose(null, 1, { defaultWish: "serverless" }).runtimeType).toBe("serverless");
  });

  test("auto takes a function for what is too heavy, where there is a connector", () => {
    expect(choose("auto", 1000).runtimeType).toBe("local");
    expect(choose("auto", 1001).runtimeType).toBe("serverless");
    expect(choose("auto", 1001, { hasConnector: false })).toEqual({
      runtimeType: "local",
      reason: "auto: no connector is set",
    });
  });

  test("refuses what cannot be had", () => {
    expect(() => choose("serverless", 1, { hasConnector: false })).toThrow("no connector is set");
    expect(() => choose("lambda", 1)).toThrow('Cannot run a plugin as "lambda"');
    expect(() => choose(7, 1)).toThrow("Cannot run a plugin as 7");
  });
});

test("createEventReader() puts events together from any cut of lines", () => {
  const reader = createEventReader();
  expect(reader.push('event: chunk\r\ndata: {"a":1}\r\n\r\n: comment\nda')).toEqual([
    { name: "chunk", data: '{"a":1}' },
  ]);
  expect(reader.push("data:b\ndata: c\n\n\n")).toEqual([{ name: "message", data: "b\nc" }]);
  expect(reader.push("event: end\n\ndata: x\n")).toEqual([{ name: "end", data: "" }]);
  expect(reader.flush()).toEqual([{ name: "message", data: "x" }]);
});
