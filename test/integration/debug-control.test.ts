/** Breakpoints and reloads of plugins that speak the plain dialect, and the connections of helpers. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readAnswer, readCall, TENANT, OTHER_TENANT } from "../support/daemon-api.ts";
import {
  connectDebug,
  type DebugClient,
  debugKey,
  manifestMessage,
  toolMessage,
} from "../support/debug-client.ts";
import { debugConnections, type DebugDaemon, startDebugDaemon } from "../support/debug-daemon.ts";
import { plainPackage } from "../support/plain-package.ts";
import { watchPluginEvents } from "../support/plugin-events.ts";
import { until } from "../support/processes.ts";

setDefaultTimeout(60_000);

const PLUGIN = "tests/debugged";
const declaration = (changes: object = {}) => ({
  ...manifestMessage().data,
  tool: toolMessage(changes).data[0],
});

let daemon: DebugDaemon;
beforeAll(async () => {
  daemon = await startDebugDaemon({
    env: { PLUGIN_MAX_EXECUTION_TIMEOUT: "1", PLUGD_DEBUG_SILENCE_TIMEOUT: "3" },
  });
});
afterAll(() => daemon[Symbol.asyncDispose]());

interface Message {
  readonly type: string;
  readonly request_id: string;
  readonly session_id: string;
}

/** A plain client that answers heartbeats, and hands on everything else. */
async function connectPlain(): Promise<DebugClient & { message(): Promise<Message> }> {
  const client = await connectDebug(daemon.debugPort);
  client.send({
    type: "auth",
    api_key: await debugKey(daemon.api),
    plugin_id: PLUGIN,
    declaration: declaration(),
  });
  expect(await client.next()).toMatchObject({ type: "auth_success" });
  return {
    ...client,
    async message() {
      for (;;) {
        const message = (await client.next()) as Message;
        if (message.type !== "heartbeat") return message;
        client.send({ type: "heartbeat_ack" });
      }
    },
  };
}

const ask = (pluginId = PLUGIN) =>
  daemon.api.request(`/plugin/${TENANT}/dispatch/tool/invoke`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-plugin-id": pluginId },
    body: JSON.stringify({
      user_id: "u",
      data: { provider: "fake", tool: "act", tool_parameters: {}, credentials: {} },
    }),
  });

async function tell(what: "continue" | "reload", { pluginId = PLUGIN, tenant = TENANT } = {}) {
  return readAnswer(
    await daemon.api.request(`/plugin/${tenant}/debugging/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ plugin_id: pluginId }),
    }),
  );
}

/** Longer than the limit of a call, by the limit of another one that nobody answers. */
async function limitIsOver(began: number): Promise<void> {
  await until("the limit is over", () => performance.now() - began > 1700, { everyMs: 50 });
}

const success = (request: Message, content: string) => ({
  type: "response",
  session_id: request.session_id,
  request_id: request.request_id,
  status: "success",
  data: { type: "text", content },
});

describe("a plain client", () => {
  test("stands at a breakpoint longer than its limit, until an operator says continue", async () => {
    await using client = await connectPlain();
    await using events = await watchPluginEvents(daemon, PLUGIN);
    const began = performance.now();
    const call = ask().then(readCall);
    const request = await client.message();
    client.send({
      type: "breakpoint",
      file: "tools/search.py",
      line: 42,
      variables: { query: "test search" },
    });
    expect(await events.next("breakpoint")).toMatchObject({
      file: "tools/search.py",
      line: 42,
      variables: { query: "test search" },
    });
    await limitIsOver(began);
    expect(await tell("continue")).toMatchObject({ data: true });
    expect(await client.message()).toEqual({ type: "continue" } as Message);
    client.send(success(request, "went on"));
    expect(JSON.stringify((await call).items)).toContain("went on");
    await events.next("continue");
  });

  test("that went on is timed again", async () => {
    await using client = await connectPlain();
    const call = ask().then(readCall);
    await client.message();
    client.send({ type: "breakpoint", file: "a.py", line: 1, variables: {} });
    await tell("continue").then((answer) => expect(answer).toMatchObject({ data: true }));
    expect((await call).failure?.message).toContain("killed by timeout");
  });

  test("is asked to reload, and swaps its declaration in over the same connection", async () => {
    await using client = await connectPlain();
    await using events = await watchPluginEvents(daemon, PLUGIN);
    expect(await tell("reload")).toMatchObject({ data: true });
    expect(await client.message()).toEqual({ type: "reload" } as Message);
    const before = (await daemon.listed())[PLUGIN];
    const tools = [
      {
        ...toolMessage().data[0]?.tools[0],
        identity: { author: "tests", name: "renamed", label: { en_US: "R" } },
      },
    ];
    client.send({
      type: "reload",
      status: "success",
      message: "Plugin reloaded successfully",
      declaration: declaration({ tools }),
    });
    await events.next("reload", ({ status }) => status === "success");
    const after = (await daemon.listed())[PLUGIN];
    expect(JSON.stringify(after?.declaration)).toContain('"renamed"');
    expect([after?.id, await debugConnections(daemon)]).toEqual([before?.id ?? "", 1]);
    const call = ask().then(readCall);
    client.send(success(await client.message(), "the same connection"));
    expect(JSON.stringify((await call).items)).toContain("the same connection");
  });

  test("keeps its declaration when the new one is refused", async () => {
    await using client = await connectPlain();
    await using events = await watchPluginEvents(daemon, PLUGIN);
    client.send({ type: "reload", status: "success", message: "", declaration: { name: 5 } });
    client.send({
      type: "reload",
      status: "success",
      message: "",
      declaration: { ...declaration(), name: "other" },
    });
    const refused = () => events.seen.filter(({ data }) => data["status"] === "refused").length;
    await until("both are refused", () => refused() === 2);
    expect((await daemon.listed())[PLUGIN]?.runtime_type).toBe("remote");
  });

  test("is asked for signs of life, and stays", async () => {
    await using client = await connectPlain();
    const began = performance.now();
    while (performance.now() - began < 4500) {
      expect(await client.next()).toEqual({ type: "heartbeat", action: "heartbeat" });
      client.send({ type: "heartbeat_ack" });
    }
    expect(await debugConnections(daemon)).toBe(1);
  });
});

describe("a helper", () => {
  const hello = async (more: object = {}, tenant = TENANT) => ({
    type: "auth",
    api_key: await debugKey(daemon.api, tenant),
    plugin_id: PLUGIN,
    channel: "helper",
    ...more,
  });
  async function connectHelper(): Promise<DebugClient> {
    const helper = await connectDebug(daemon.debugPort);
    helper.send(await hello());
    expect(await helper.next()).toMatchObject({ type: "auth_success" });
    return helper;
  }

  test("belongs to a plugin that is connected, shadows nothing, and its lines reach those who watch", async () => {
    await using plugin = await daemon.register();
    await using helper = await connectHelper();
    await using events = await watchPluginEvents(daemon, PLUGIN);
    expect(await debugConnections(daemon)).toBe(1);
    helper.send({ type: "log", level: "warning", message: "from the helper" }, "no JSON", {
      type: "unknown",
    });
    expect(await events.next("log", ({ text }) => text === "from the helper")).toMatchObject({
      level: "warn",
    });
    for (const what of ["continue", "reload"] as const) {
      expect(await tell(what)).toMatchObject({ data: true });
      expect(await helper.next()).toEqual({ type: what });
    }
    // The plugin's own connection knows nothing of the kind.
    plugin.send({ event: "heartbeat", session_id: null, data: {} });
  });

  test("that leaves lets time count again", async () => {
    await using plugin = await daemon.register();
    const helper = await connectHelper();
    await using events = await watchPluginEvents(daemon, PLUGIN);
    const began = performance.now();
    const call = ask().then(readCall);
    const { session_id } = (await plugin.next()) as Message;
    helper.send({ type: "breakpoint", file: "a.py", line: 1, variables: { a: 1 }, session_id });
    await events.next("breakpoint", (data) => data["session_id"] === session_id);
    await limitIsOver(began);
    expect(
      events.seen.some(({ type, data }) => type === "call_ended" && data["session_id"] === session_id),
    ).toBe(false);
    helper.hangUp();
    expect((await call).failure?.message).toContain("killed by timeout");
  });

  test("is refused with a wrong key, for a plugin that is not there, and for another tenant's", async () => {
    await using plugin = await daemon.register();
    const refusal = async (message: object) => {
      await using client = await connectDebug(daemon.debugPort);
      client.send(message);
      return await client.next();
    };
    const failed = (code: string) => ({ type: "auth_failed", error: { code } });
    expect(await refusal(await hello({ api_key: "wrong" }))).toMatchObject(failed("INVALID_API_KEY"));
    expect(await refusal(await hello({ plugin_id: "tests/none" }))).toMatchObject(failed("PLUGIN_NOT_FOUND"));
    expect(await refusal(await hello({}, OTHER_TENANT))).toMatchObject(failed("PLUGIN_NOT_FOUND"));
    plugin.hangUp();
  });

  test("is closed when it sends a line without an end, or nothing at all", async () => {
    await using plugin = await daemon.register();
    await using long = await connectHelper();
    long.sendRaw("x".repeat(300 * 1024));
    await using silent = await connectHelper();
    const beat = setInterval(() => plugin.send({ event: "heartbeat", session_id: null, data: {} }), 500);
    await Promise.all([long.closed, silent.closed]);
    clearInterval(beat);
  });
});

test("an operator is told when there is nobody to tell", async () => {
  await using plugin = await daemon.register();
  expect((await tell("continue")).failure?.message).toContain("has nobody to tell");
  expect((await tell("reload", { tenant: OTHER_TENANT })).failure?.message).toContain("is not installed");
  plugin.hangUp();
});

test("an installed plain plugin stands at a breakpoint, whose variables are nobody else's", async () => {
  const program = `for await (const line of console) {
  const message = JSON.parse(line);
  if (message.type === "heartbeat") console.log(JSON.stringify({ type: "heartbeat_ack" }));
  if (message.type === "invoke") {
    globalThis.request = message;
    console.log(JSON.stringify({ type: "breakpoint", session_id: message.session_id, file: "main.ts", line: 5, variables: { secret: 1 } }));
  }
  if (message.type === "continue")
    console.log(JSON.stringify({ type: "response", request_id: request.request_id, status: "success", data: { content: "on" } }));
}
`;
  const runner = { language: "typescript", protocol: "plain", version: "1", entrypoint: "main" };
  const bytes = await plainPackage({ name: "standing", runner, files: { "main.ts": program } });
  const { data, failure } = await daemon.api.upload(bytes);
  expect(failure).toBeUndefined();
  const { unique_identifier } = data as { unique_identifier: string };
  const task = await daemon.api.startInstall(unique_identifier);
  await until("it is installed", async () => (await daemon.api.task(task)).status === "success");
  const pluginId = unique_identifier.split(":", 1)[0] ?? "";
  await using events = await watchPluginEvents(daemon, pluginId);
  const began = performance.now();
  const call = ask(pluginId).then(readCall);
  expect(await events.next("breakpoint")).toMatchObject({ file: "main.ts", line: 5, variables: {} });
  await limitIsOver(began);
  expect(await tell("continue", { pluginId })).toMatchObject({ data: true });
  expect(JSON.stringify((await call).items)).toContain("on");
});
