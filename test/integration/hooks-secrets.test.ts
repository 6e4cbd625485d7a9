import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { type Installed, readAnswer, TENANT } from "../support/daemon-api.ts";
import { callHook, endpointsOf } from "./hooks-support.ts";

setDefaultTimeout(30_000);

const SECRETS = ["first-top-secret", "second-top-secret", "refused-top-secret"] as const;

const INNER_KEY = "the-key-of-the-inner-api";

interface Asked {
  readonly opt: string;
  readonly identity: string;
  readonly data: Readonly<Record<string, unknown>>;
}

function crypt(opt: string, token: string): string {
  return opt === "encrypt" ? Buffer.from(token).toString("base64") : Buffer.from(token, "base64").toString();
}

type Fault = "down" | "echo" | "garbage" | "redirect" | "cut" | "mute";

function failing(fault: Fault, { url, headers }: Request): Response | Promise<Response> {
  switch (fault) {
    case "down":
      return new Response("<html>oops</html>", { status: 502 });
    case "echo":
      return Response.json({ url, headers: Object.fromEntries(headers) }, { status: 500 });
    case "garbage":
      return new Response(`neither JSON nor ${JSON.stringify(Object.fromEntries(headers))}`);
    case "redirect":
      return Response.redirect(`${url}/elsewhere`);
    case "mute":
      return new Promise(() => undefined);
    case "cut":
      return new Response('{"data":');
  }
}

/** What Dify does with settings; nobody can read base64. */
function startPlatform() {
  const asked: Asked[] = [];
  const state = { fault: undefined as Fault | undefined };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const body = (await request.json()) as Asked;
      asked.push(body);
      if (state.fault) return failing(state.fault, request);
      const token = String(body.data["token"]);
      if (token === SECRETS[2])
        return Response.json(
          { code: "invalid_param", message: `no ${JSON.stringify(body)}` },
          { status: 400 },
        );
      const data = body.opt === "clear" ? {} : { ...body.data, token: crypt(body.opt, token) };
      return Response.json({ data: { data }, error: "" });
    },
  });
  return { asked, state, url: `http://127.0.0.1:${server.port}`, stop: () => server.stop(true) };
}

let platform: ReturnType<typeof startPlatform>;
let daemon: LocalDaemon;
let plugin: Installed;
let endpoints: ReturnType<typeof endpointsOf>;

beforeAll(async () => {
  platform = startPlatform();
  daemon = await startTestDaemon({
    env: { DIFY_INNER_API_URL: platform.url, DIFY_INNER_API_KEY: INNER_KEY },
  });
  endpoints = endpointsOf(daemon);
  plugin = await daemon.api.install({ name: "secrets", endpoints: "secret" });
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await platform.stop();
});

/** Everything that the daemon keeps on disk. */
function stored(): string {
  return readdirSync(daemon.dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("");
}

test("the plugin gets its settings as they were set up", async () => {
  const path = await endpoints.setUp(plugin.identifier, { token: SECRETS[0], mode: "settings", n: 5 });
  const response = await callHook(daemon, `${path}/`);
  expect(await response.json()).toEqual({ token: SECRETS[0], mode: "settings", n: 5 });
});

test("an outage of the platform shows neither its address nor its key, to strangers nor to who manages", async () => {
  const path = await endpoints.setUp(plugin.identifier, { token: SECRETS[0], mode: "settings" });
  const dead = `http://127.0.0.1:${freePort()}`;
  await using other = await startTestDaemon({
    env: { DIFY_INNER_API_URL: dead, DIFY_INNER_API_KEY: INNER_KEY },
  });
  const identifier = (await other.api.install({ name: "secrets", endpoints: "secret" })).identifier;
  const setUp = { plugin_unique_identifier: identifier, user_id: "u", name: "n", settings: { token: "t" } };
  const unreachable = await endpointsOf(other).post("/setup", setUp);
  expect(unreachable.failure?.message).toBe("failed to encrypt settings: the platform cannot be reached");
  expect(other.log()).toContain(dead);

  const seen = [unreachable.text];
  for (const fault of ["down", "echo", "garbage", "redirect", "cut"] as const) {
    platform.state.fault = fault;
    const hook = await readAnswer(await callHook(daemon, `${path}/`));
    expect([hook.status, hook.failure?.message]).toEqual([500, "failed to decrypt settings"]);
    const list = await daemon.api.request(`/plugin/${TENANT}/endpoint/list?page=1&page_size=100`);
    const managed = await readAnswer(list);
    expect(managed.failure?.message).toStartWith("failed to decrypt settings: the ");
    seen.push(hook.text, managed.text);
  }
  platform.state.fault = undefined;
  for (const text of seen) {
    expect(text).not.toContain(INNER_KEY);
    expect(text).not.toMatch(/127\.0\.0\.1|inner\/api|elsewhere/);
  }
  for (const log of [daemon.log(), other.log()]) expect(log).not.toContain(INNER_KEY);
  expect(daemon.log()).toContain("status code: 502");
});

test("a platform that does not answer holds up the end of a daemon for seconds, and no longer", async () => {
  await using other = await startTestDaemon({
    env: { DIFY_INNER_API_URL: platform.url, DIFY_INNER_API_KEY: INNER_KEY },
  });
  const { identifier } = await other.api.install({ name: "secrets", endpoints: "secret" });
  const own = endpointsOf(other);
  await own.setUp(identifier, { token: SECRETS[0], mode: "settings" });
  const [endpoint] = await own.list();
  platform.state.fault = "mute";
  expect((await own.post("/remove", { endpoint_id: endpoint?.id })).code).toBe(0);
  const began = performance.now();
  await other.close();
  platform.state.fault = undefined;
  // It was told to forget all the same.
  expect(platform.asked.at(-1)).toMatchObject({ opt: "clear", identity: endpoint?.id });
  expect(performance.now() - began).toBeLessThan(10_000);
});

test("secrets reach the plugin and the platform, and no list, log, file or error", async () => {
  const path = await endpoints.setUp(plugin.identifier, { token: SECRETS[0], mode: "script", script: [] });
  const [listed] = await endpoints.list();
  const seen: string[] = [JSON.stringify(listed)];

  const script = [{ item: { status: 200, headers: {}, result: "61" } }];
  const change = { endpoint_id: listed?.id, user_id: "u", name: "n" };
  for (const token of [listed?.settings["token"], SECRETS[1]]) {
    const answer = await endpoints.post("/update", {
      ...change,
      settings: { token, mode: "script", script },
    });
    expect(answer.code).toBe(0);
    seen.push(answer.text, JSON.stringify(await endpoints.list()));
  }
  expect(await (await callHook(daemon, `${path}/?token=query-top-secret`)).text()).toBe("a");
  // The last call decrypted what the last update had stored.
  expect(platform.asked.at(-1)?.data["token"]).toBe(crypt("encrypt", SECRETS[1]));

  const refused = await endpoints.post("/update", { ...change, settings: { token: SECRETS[2] } });
  expect(refused.code).toBe(-500);
  seen.push(refused.text);
  platform.state.fault = "down";
  const down = await readAnswer(await callHook(daemon, `${path}/`));
  platform.state.fault = undefined;
  expect([down.status, down.code]).toEqual([500, -500]);
  expect(down.failure?.message).toBe("failed to decrypt settings");
  seen.push(down.text);
  expect(await (await callHook(daemon, `${path}/`)).text()).toBe("a");

  platform.asked.length = 0;
  seen.push((await endpoints.post("/remove", { endpoint_id: listed?.id })).text);
  // What would be done a while later is done now.
  await daemon.close();
  expect(platform.asked).toMatchObject([{ opt: "clear", identity: listed?.id }]);

  for (const text of [...seen, daemon.log(), stored()]) expect(text).not.toContain("-top-secret");
});
