/** Connections that begin with the article's `auth`, and those that are encrypted. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { createLogger } from "../../src/lib/create-logger.ts";
import { createCounted } from "../../src/runtime/debug/counted.ts";
import { createDebugRuntimes } from "../../src/runtime/debug/debug-runtimes.ts";
import { type DebugServerOptions, startDebugServer } from "../../src/runtime/debug/debug-server.ts";
import { createFailedKeys } from "../../src/runtime/debug/failed-keys.ts";
import { createDebugHelpers } from "../../src/runtime/debug/debug-helpers.ts";
import { createServeConnection } from "../../src/runtime/debug/serve-connection.ts";
import { connectDebug, manifestMessage, registration, toolMessage } from "../support/debug-client.ts";
import { until } from "../support/processes.ts";
import { declarationOf } from "../unit/store/test-store.ts";

setDefaultTimeout(30_000);

const log = createLogger({ level: "ERROR", format: "text", write: () => undefined });
const ignore = () => undefined;
const observer = { log: ignore, breakpoint: ignore, left: ignore, reload: ignore };
const DECLARATION = { ...manifestMessage().data, tool: toolMessage().data[0] };

/** A debug server without a daemon: three tenants, of which one has `acme/search` installed and one `my-plugin`. */
function start(options: { readonly tls?: DebugServerOptions["tls"] } = {}) {
  const shown = new Map<string, string>();
  const runtimes = createDebugRuntimes({
    records: {
      connected: async ({ tenantId, identifier }) =>
        void shown.set(`${tenantId} ${identifier.pluginId}`, identifier.text),
      gone: async (tenantId, pluginId) => void shown.delete(`${tenantId} ${pluginId}`),
    },
    graceMs: 60_000,
    log,
    logOf: () => log,
  });
  const tool = { identity: { name: "t" } };
  const server = startDebugServer({
    hostname: "127.0.0.1",
    port: 0,
    tls: options.tls,
    maxConnections: 100,
    maxConnectionsPerAddress: 100,
    writeStallMs: 10_000,
    onCount: () => undefined,
    log,
    serve: createServeConnection({
      tenantOf: async (key) => ({ "key of t1": "t1", "key of t2": "t2", "debug-key-xxx": "t3" })[key],
      installed: async (tenantId, pluginId) =>
        ["t1 acme/search", "t3 my-plugin"].includes(`${tenantId} ${pluginId}`)
          ? { declaration: declarationOf("search", { tool }), assetIds: ["a.svg"] }
          : undefined,
      runtimes,
      settings: { maxLineBytes: 1_000_000, budgetBytes: 1_000_000, stallMs: 1000, silenceMs: 0 },
      failedKeys: createFailedKeys({ maxPerMinute: 3, now: () => performance.now() }),
      tenants: { plugins: createCounted(2), helpers: createCounted(2) },
      helpers: createDebugHelpers({ observer, silenceMs: 0, log }),
      observer,
      handshakeMs: 5000,
      registrationMs: 5000,
      log,
      logOf: () => log,
    }),
  });
  return {
    port: server.port,
    runtimes,
    shown,
    async [Symbol.asyncDispose]() {
      await Promise.all([server.close(), runtimes.close()]);
    },
  };
}

async function ask(port: number, message: object): Promise<unknown> {
  await using client = await connectDebug(port);
  client.send(message);
  return await client.next();
}

const auth = (more: object = {}) => ({
  type: "auth",
  api_key: "key of t1",
  plugin_id: "acme/search",
  ...more,
});
const failed = (code: string) => ({ type: "auth_failed", error: { type: "AuthenticationError", code } });

describe("auth", () => {
  test("shadows what is installed under the plugin id, in a version of its own", async () => {
    await using made = start();
    await using client = await connectDebug(made.port);
    client.send(auth());
    expect(await client.next()).toEqual({
      type: "auth_success",
      session_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(made.shown.get("t1 acme/search")).toMatch(/^acme\/search:1\.0\.0@[0-9a-f]{64}$/);
    client.hangUp();
  });

  test("is taken as the article prints it (4.2), and answered so", async () => {
    await using made = start();
    await using client = await connectDebug(made.port);
    client.sendRaw('{"type": "auth","api_key": "debug-key-xxx","plugin_id": "my-plugin"}\n');
    const answer = await client.next();
    expect(answer).toEqual({ type: "auth_success", session_id: expect.any(String) });
    expect(Object.keys(answer as object)).toEqual(["type", "session_id"]);
    client.hangUp();
  });

  test("may bring the declaration of a plugin that is not installed", async () => {
    await using made = start();
    for (const plugin_id of ["tests/debugged", "debugged", undefined])
      expect(await ask(made.port, auth({ plugin_id, declaration: DECLARATION }))).toMatchObject({
        type: "auth_success",
      });
    const [identifier = ""] = [...made.shown.values()];
    expect(identifier).toStartWith("tests/debugged:0.0.1@");
    expect(made.runtimes.find(identifier)?.plugin.declaration).toMatchObject({
      icon: "",
      tool: { identity: { name: "fake", icon: "" }, tools: [{ identity: { name: "act" } }] },
    });
  });

  test("with the session id of an earlier one resumes its identity", async () => {
    await using made = start();
    const first = (await ask(made.port, auth({ plugin_id: "debugged", declaration: DECLARATION }))) as {
      session_id: string;
    };
    await until("the connection is gone", () => made.runtimes.connections === 0);
    const shown = [...made.shown];
    const resume = { type: "auth", api_key: "key of t1", session_id: first.session_id };
    await using again = await connectDebug(made.port);
    again.send(resume);
    expect(await again.next()).toEqual({ type: "auth_success", session_id: first.session_id });
    expect([...made.shown]).toEqual(shown);
    expect(made.runtimes.connections).toBe(1);
    // To another tenant it means nothing.
    expect(await ask(made.port, { ...resume, api_key: "key of t2" })).toMatchObject(
      failed("PLUGIN_NOT_FOUND"),
    );
  });

  test.each<readonly [string, object, string]>([
    ["a key that nobody has", auth({ api_key: "no key" }), "INVALID_API_KEY"],
    ["a key that is a number", auth({ api_key: 5 }), "INVALID_MESSAGE"],
    ["no plugin", auth({ plugin_id: null }), "INVALID_MESSAGE"],
    ["a plugin that is not installed", auth({ plugin_id: "acme/other" }), "PLUGIN_NOT_FOUND"],
    ["a plugin of another tenant", auth({ api_key: "key of t2" }), "PLUGIN_NOT_FOUND"],
    ["a declaration of another plugin", auth({ declaration: DECLARATION }), "INVALID_PLUGIN_ID"],
    [
      "a declaration that is broken",
      auth({ declaration: { ...DECLARATION, version: 1 } }),
      "INVALID_DECLARATION",
    ],
    [
      "a declaration without a provider",
      auth({ declaration: manifestMessage().data }),
      "INVALID_DECLARATION",
    ],
  ])("of %s is refused, and the connection closed", async (_, message, code) => {
    await using made = start();
    await using client = await connectDebug(made.port);
    client.send(message);
    expect(await client.rest()).toMatchObject([failed(code)]);
    expect(made.shown.size).toBe(0);
  });

  test("is limited for an address whose keys were wrong too often, as the handshake is", async () => {
    await using made = start();
    for (let n = 0; n < 3; n++) await ask(made.port, auth({ api_key: "wrong" }));
    expect(await ask(made.port, auth())).toMatchObject(failed("RATE_LIMITED"));
    expect(await ask(made.port, { type: "handshake", data: { key: "key of t1" } })).toMatch(
      "too many invalid keys",
    );
  });

  test("is refused when the tenant has no connection left", async () => {
    await using made = start();
    await using first = await connectDebug(made.port);
    await using second = await connectDebug(made.port);
    for (const client of [first, second]) {
      client.send(auth());
      await client.next();
    }
    expect(await ask(made.port, auth())).toMatchObject(failed("SERVER_BUSY"));
    first.hangUp();
    second.hangUp();
  });
});

test("with a certificate connections are encrypted, and others get no answer", async () => {
  const file = (name: string) => Bun.file(join(import.meta.dir, "../fixtures/tls", name)).text();
  const pem = { cert: await file("cert.pem"), key: await file("key.pem") };
  await using server = start({ tls: pem });
  const socket = connectTls({ host: "127.0.0.1", port: server.port, ca: pem.cert, servername: "localhost" });
  socket.setEncoding("utf8");
  const answer = new Promise((resolve) => socket.once("data", resolve));
  socket.write(`${JSON.stringify(auth())}\n`);
  expect(await answer).toContain("auth_success");
  socket.destroy();

  await using plain = await connectDebug(server.port);
  plain.send(...registration("key of t1"));
  expect(await plain.rest()).toEqual([]);
});
