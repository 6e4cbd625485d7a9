import { expect, test } from "bun:test";
import { runCli } from "../../src/cli/cli.ts";
import { createInnerApi } from "../../src/dify/inner-api.ts";
import { startFakePlatform } from "../../src/service/author/fake-platform/fake-platform.ts";
import { type TestPlatform, testPlatform } from "../support/fake-platform.ts";
import { until } from "../support/processes.ts";
import { rejection } from "../support/rejection.ts";
import { testDeps, testIo } from "../unit/cli/test-io.ts";

const LLM = { prompt_messages: [{ role: "user", content: "a b c" }], stream: true };

/** The daemon's own client. */
function clientOf(
  platform: TestPlatform,
  options: { readonly readTimeoutMs?: number; readonly key?: string } = {},
) {
  const { readTimeoutMs = 5000, key = platform.key } = options;
  return createInnerApi({ url: platform.url, key, readTimeoutMs, maxAnswerBytes: 1 << 20 });
}

/** What a stream brings, and how it ends. */
async function stream(platform: TestPlatform, model: string, signal = new AbortController().signal) {
  const items: string[] = [];
  try {
    const replies = clientOf(platform, { readTimeoutMs: 500 }).stream(
      "invoke/llm",
      { ...LLM, model },
      { signal },
    );
    for await (const { raw } of replies) items.push(raw);
    return { items: items.length, end: "" };
  } catch (error) {
    return { items: items.length, end: error instanceof Error ? error.message : String(error) };
  }
}

test.each([
  ["gpt", 3, ""],
  ["slow:50", 3, ""],
  ["split", 3, ""],
  ["drip:1", 3, ""],
  ["burst", 5000, ""],
  ["empty", 0, ""],
  ["error", 0, "request failed: told to fail"],
  ["late", 1, "request failed: told to fail later"],
  ["nil", 0, "data is nil"],
  ["magic", 1, "magic number mismatch: 123"],
  ["header", 1, "header length mismatch: 12"],
  ["lie", 1, "the answer"],
  ["cut", 1, "unexpected EOF\nfailed to read data"],
  ["big:2000000", 0, "data length is too long: 2000034"],
  ["status:503", 0, "request failed with status code: 503"],
  ["html", 0, "request failed with status code: 502 and respond with: <html>"],
  ["redirect", 0, "request failed with status code: 302"],
  ["mute", 0, ""],
  ["silence", 0, ""],
] as const)("startFakePlatform() streams %s: %d results, then %j", async (model, items, end) => {
  await using platform = testPlatform();
  const read = await stream(platform, model);
  expect(read.items).toBe(items);
  expect(read.end).toContain(end);
  if (model === "mute" || model === "silence") expect(read.end).not.toBe("");
});

test("startFakePlatform() breaks a connection in the middle of a result", async () => {
  await using platform = testPlatform();
  const { items, end } = await stream(platform, "reset");
  expect(items).toBe(1);
  expect(end).not.toBe("");
  await until("it is noted", () => platform.received()[0]?.outcome === "reset");
});

test("an endless stream ends, and is noted, when the daemon leaves", async () => {
  await using platform = testPlatform();
  const controller = new AbortController();
  const replies = clientOf(platform).stream(
    "invoke/llm",
    { ...LLM, model: "endless" },
    { signal: controller.signal },
  );
  for (let n = 0; n < 100; n++) expect((await replies.next()).done).toBe(false);
  controller.abort();
  // What has arrived already may come first.
  expect(await rejection(Array.fromAsync(replies))).toBeInstanceOf(Error);
  await until("it is noted", () => platform.received()[0]?.outcome === "left");
});

test("a reader that stands still makes the platform wait", async () => {
  await using platform = testPlatform();
  const response = await fetch(`${platform.url}/inner/api/invoke/llm`, {
    method: "POST",
    headers: { "x-inner-api-key": platform.key },
    body: JSON.stringify({ ...LLM, model: "endless" }),
  });
  const reader = response.body?.getReader();
  await reader?.read();
  const sent = () => platform.received()[0]?.sentBytes ?? 0;
  let before = -1;
  await until(
    "nothing more is sent",
    () => {
      const still = sent() === before;
      before = sent();
      return still;
    },
    { everyMs: 100 },
  );
  expect(sent()).toBeLessThan(64 << 20);
  await reader?.cancel();
});

test("the log tells what was asked and how it ended, over HTTP, too", async () => {
  await using platform = testPlatform({ key: "k" });
  const api = clientOf(platform);
  const { signal } = new AbortController();
  await api.call(
    "invoke/moderation",
    { tenant_id: "t1", text: "bad" },
    { signal, traceparent: "00-aa-bb-01" },
  );
  const expected = {
    method: "POST",
    path: "/inner/api/invoke/moderation",
    body: { tenant_id: "t1", text: "bad" },
    status: 200,
    outcome: "answered",
    sentBytes: '{"data":{"result":true},"error":""}'.length,
  };
  await until("it is over", () => platform.received()[0]?.outcome === "answered");
  expect(platform.received()).toMatchObject([expected]);
  expect(platform.received()[0]?.headers).toMatchObject({
    "x-inner-api-key": "k",
    traceparent: "00-aa-bb-01",
  });
  const log = `${platform.url}/__log`;
  expect(await (await fetch(log)).json()).toMatchObject([expected]);
  expect((await fetch(log, { method: "DELETE" })).status).toBe(204);
  expect(await (await fetch(log)).json()).toEqual([]);
});

test("a wrong key, an unknown route and a body that is no JSON are refused as Dify does", async () => {
  await using platform = testPlatform();
  const post = async (path: string, init: RequestInit) => {
    const response = await fetch(`${platform.url}${path}`, { method: "POST", ...init });
    return { status: response.status, body: await response.json() };
  };
  const headers = { "x-inner-api-key": platform.key };
  expect(await post("/inner/api/invoke/llm", { body: "{}" })).toMatchObject({
    status: 404,
    body: { code: "not_found" },
  });
  expect((await post("/inner/api/invoke/nothing", { headers, body: "{}" })).status).toBe(404);
  expect((await post("/inner/api/invoke/llm", { headers, body: "no JSON" })).status).toBe(400);
  expect((await post("//inner/api//invoke/summary", { headers, body: '{"text":"x"}' })).status).toBe(200);
  expect((await fetch(`${platform.url}/inner/api/invoke/llm`, { headers })).status).toBe(405);
});

test("a file goes to the address that was given out for it", async () => {
  await using platform = testPlatform();
  const { value } = await clientOf(platform).call(
    "upload/file/request",
    { filename: "a é.txt", mimetype: "text/plain" },
    { signal: new AbortController().signal },
  );
  const url = typeof value === "object" && value !== null && "url" in value ? String(value.url) : "";
  const form = new FormData();
  form.set("file", new File(["hello"], "a é.txt", { type: "text/plain" }));
  const response = await fetch(url, { method: "POST", body: form });
  expect(response.status).toBe(201);
  expect(await response.json()).toEqual({
    id: "file-2cf24dba5fb0a30e",
    name: "a é.txt",
    size: 5,
    extension: "txt",
    mime_type: "text/plain",
    preview_url: null,
  });
  expect(platform.received().at(-1)?.body).toMatchObject({ name: "a é.txt", type: "text/plain", size: 5 });
  expect((await fetch(url, { method: "POST", body: new FormData() })).status).toBe(400);
  expect((await fetch(url, { method: "POST", body: "no form" })).status).toBe(400);
});

test("startFakePlatform() says when the port is taken", async () => {
  await using platform = testPlatform();
  expect(() => startFakePlatform({ port: Number(new URL(platform.url).port) })).toThrow(
    expect.objectContaining({ code: "startup", message: expect.stringContaining("Cannot listen on") }),
  );
});

test("close() ends what is open, twice without harm", async () => {
  const platform = testPlatform();
  const read = stream(platform, "silence");
  await until("it was asked", () => platform.received().length === 1);
  await platform.close();
  await platform.close();
  expect((await read).end).not.toBe("");
});

test("plugd fake-platform prints the daemon's two variables, then every request, until it is told to end", async () => {
  const controller = new AbortController();
  const io = testIo({ signal: controller.signal });
  const run = runCli(["fake-platform", "--port", "0", "--key", "k"], io, testDeps());
  await until("it listens", () => io.stdout.text.includes("DIFY_INNER_API_KEY=k"));
  const url = /DIFY_INNER_API_URL=(\S+)/.exec(io.stdout.text)?.[1] ?? "";
  const ask = (path: string, body: object) =>
    fetch(`${url}/inner/api/${path}`, {
      method: "POST",
      headers: { "x-inner-api-key": "k" },
      body: JSON.stringify(body),
    }).then((response) => response.text());
  await ask("invoke/llm", { ...LLM, model: "gpt" });
  await ask("invoke/question-classifier", { model: { name: "m" }, classes: [] });
  await until("both are shown", () => io.stdout.text.includes("invoke/question-classifier m → 200, "));
  expect(io.stdout.text).toContain("invoke/llm gpt → 200, ");
  expect(await (await fetch(url)).text()).toContain("burst");
  controller.abort();
  expect(await run).toBe(0);
  await expect(fetch(url)).rejects.toThrow();
});

test("plugd fake-platform refuses a port that is none", async () => {
  const io = testIo();
  expect(await runCli(["fake-platform", "--port", "70000"], io, testDeps())).toBe(2);
  expect(io.stderr.text).toContain("from 0 to 65535");
});
