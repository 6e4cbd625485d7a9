import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { OTHER_TENANT, readAnswer, readCall, TENANT, toolBody } from "../support/daemon-api.ts";
import { until } from "../support/processes.ts";
import { openRawCall } from "../support/raw-call.ts";

setDefaultTimeout(30_000);

const INVOKE = `/plugin/${TENANT}/dispatch/tool/invoke`;
const UNAUTHORIZED =
  '{"code":-401,"message":"{\\"message\\":\\"unauthorized\\",\\"error_type\\":\\"PluginDaemonUnauthorizedError\\",\\"args\\":null}","data":null}';
const MAX_PACKAGE_BYTES = 200_000;
const MAX_REQUEST_BYTES = 1_000_000;

let daemon: LocalDaemon;
let pluginId: string;

beforeAll(async () => {
  daemon = await startTestDaemon({
    env: {
      MAX_PLUGIN_PACKAGE_SIZE: String(MAX_PACKAGE_BYTES),
      PLUGD_MAX_REQUEST_BYTES: String(MAX_REQUEST_BYTES),
    },
  });
  ({ pluginId } = await daemon.api.install({ name: "asked" }));
});
afterAll(async () => {
  // No bad request has opened a session, and the plugin never saw one.
  expect((await daemon.api.health()).busy).toBe(0);
  await daemon[Symbol.asyncDispose]();
});

/** A call whose every part can be wrong. */
async function invoke(body: string, headers: Readonly<Record<string, string>> = {}, path = INVOKE) {
  const response = await daemon.api.request(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-plugin-id": pluginId, ...headers },
    body,
  });
  return readCall(response);
}

describe("a wrong key", () => {
  test.each([
    ["another one", { "x-api-key": "wrong" }],
    ["an empty one", { "x-api-key": "" }],
    ["another case", { "x-api-key": "A KEY THAT ONLY THIS TEST KNOWS" }],
  ])("%s is answered with 401 and the very bytes that clients know", async (_, headers) => {
    const answer = await invoke("{", headers);
    expect([answer.status, answer.text]).toEqual([401, UNAUTHORIZED]);
    const management = await daemon.api.request(`/plugin/${TENANT}/management/list?page=1&page_size=10`, {
      headers,
    });
    expect([management.status, await management.text()]).toEqual([401, UNAUTHORIZED]);
  });

  test("no key at all is the same", async () => {
    const response = await fetch(`${daemon.url}${INVOKE}`, { method: "POST", body: "{}" });
    expect([response.status, await response.text()]).toEqual([401, UNAUTHORIZED]);
  });

  test("a path that does not exist is 404 whatever the key", async () => {
    const response = await fetch(`${daemon.url}/plugin/${TENANT}/nothing`);
    expect([response.status, await response.text()]).toEqual([
      404,
      '{"code":"not_found","message":"route not found"}',
    ]);
  });
});

describe("a call of what is not there", () => {
  test("another tenant's plugin is 404", async () => {
    const answer = await invoke(toolBody({}), {}, `/plugin/${OTHER_TENANT}/dispatch/tool/invoke`);
    expect([answer.status, answer.failure?.message]).toEqual([404, "plugin not found"]);
  });

  test("an unknown plugin is 404, before its body is looked at", async () => {
    const answer = await invoke("{", { "x-plugin-id": "tests/unknown" });
    expect([answer.status, answer.failure?.error_type]).toEqual([404, "PluginNotFoundError"]);
  });

  test("no X-Plugin-ID is 400", async () => {
    const answer = await invoke(toolBody({}), { "x-plugin-id": "" });
    expect([answer.status, answer.failure?.message]).toEqual([400, "plugin_id is required"]);
  });

  test("an unknown tenant has no plugins and no tasks", async () => {
    expect((await daemon.api.get("/list?page=1&page_size=10", "no-uuid")).data).toMatchObject({ list: [] });
    expect((await daemon.api.get("/install/tasks/x", OTHER_TENANT)).failure?.message).toBe(
      "record not found",
    );
  });
});

describe("a body", () => {
  test.each<[string, string, string]>([
    ["that ends too early", '{"user_id":"u",\n "data":{', "line 2, column 10"],
    ["with a comma too many", '{"user_id":"u",}', "line 1, column 16"],
    ["that is no JSON", "user_id=u", "line 1, column 1"],
    ["with something behind it", `${toolBody({})}x`, "line 1, column"],
  ])("%s is 400 with line and column", async (_, body, where) => {
    const answer = await invoke(body);
    expect(answer.status).toBe(400);
    expect(answer.failure?.error_type).toBe("PluginDaemonBadRequestError");
    expect(answer.failure?.message).toContain(where);
    const management = await daemon.api.request(`/plugin/${TENANT}/management/install/identifiers`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    const { status, failure } = await readAnswer(management);
    expect([status, failure?.error_type]).toEqual([400, "PluginDaemonBadRequestError"]);
    expect(failure?.message).toContain(where);
  });

  test.each<[string, unknown, readonly string[]]>([
    ["without any field", {}, ["provider", "tool"]],
    [
      "without a tool",
      { user_id: "u", data: { provider: "fake", tool_parameters: {}, credentials: {} } },
      ["tool"],
    ],
    [
      "with an empty tool",
      { user_id: "u", data: { provider: "fake", tool: "", tool_parameters: {}, credentials: {} } },
      ["tool"],
    ],
    ["whose data is null", { user_id: "u", data: null }, ["provider", "tool"]],
  ])("%s is 400 and names every field", async (_, body, fields) => {
    const answer = await invoke(JSON.stringify(body));
    expect(answer.status).toBe(400);
    for (const field of fields)
      expect(answer.failure?.message).toContain(
        `Key: 'data.${field}' Error:Field validation for '${field}' failed on the 'required' tag`,
      );
  });

  test("of a wrong content type has no fields: 400", async () => {
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=b",
    ]) {
      const answer = await invoke(toolBody({}), { "content-type": type });
      expect([type, answer.status]).toEqual([type, 400]);
    }
  });

  test("of a call may be larger than any package", async () => {
    const { items } = await invoke(toolBody({ text: "x".repeat(2 * MAX_PACKAGE_BYTES) }));
    expect(items).toHaveLength(1);
  });

  test("above PLUGD_MAX_REQUEST_BYTES is 413 and names the limit, and the daemon goes on", async () => {
    const answer = await invoke("x".repeat(MAX_REQUEST_BYTES + 1));
    expect(answer.status).toBe(413);
    expect(answer.failure).toEqual({
      error_type: "PluginDaemonBadRequestError",
      message: `Cannot read the body: it is larger than ${MAX_REQUEST_BYTES} bytes, the limit that PLUGD_MAX_REQUEST_BYTES sets`,
      args: null,
    });
    expect((await invoke(toolBody({}))).items).toHaveLength(1);
  });

  test("above the limit is refused after the key and the plugin", async () => {
    const body = "x".repeat(MAX_REQUEST_BYTES + 1);
    expect((await invoke(body, { "x-api-key": "wrong" })).status).toBe(401);
    expect((await invoke(body, { "x-plugin-id": "tests/unknown" })).status).toBe(404);
  });

  test.each([
    ["announced", "Content-Length: 3000000", "x".repeat(3_000_000)],
    [
      "in chunks",
      "Transfer-Encoding: chunked",
      `f4240\r\n${"x".repeat(1_000_000)}\r\n`.repeat(3) + "0\r\n\r\n",
    ],
  ])("above the limit, %s, is read to its end, so that the connection serves on", async (_, length, body) => {
    const path = `/plugin/${TENANT}/management/uninstall`;
    const request = `POST ${path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: ${daemon.key}\r\nContent-Type: application/json\r\n`;
    // Node's sockets hold what the kernel does not take yet.
    const socket = connect(daemon.port, "127.0.0.1");
    let text = "";
    socket.on("data", (data) => (text += data.toString()));
    try {
      socket.write(`${request}${length}\r\n\r\n${body}`);
      await until("the refusal came", () => text.includes("PLUGD_MAX_REQUEST_BYTES"));
      expect(text).toStartWith("HTTP/1.1 413 ");
      socket.write("GET /health/check HTTP/1.1\r\nHost: x\r\n\r\n");
      await until("the next answer came", () => text.includes('"status":"ok"'));
    } finally {
      socket.destroy();
    }
  });
});

test("requests that are no HTTP are answered or cut, and hurt nobody", async () => {
  for (const request of ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "POST / HTTP/9.9\r\n\r\n", "x".repeat(20_000)]) {
    const call = await openRawCall({ port: daemon.port, request });
    await until("it was answered", () => call.receivedBytes > 0, { withinMs: 500 }).catch(() => undefined);
    call.terminate();
  }
  expect((await invoke(toolBody({}))).items).toHaveLength(1);
});
