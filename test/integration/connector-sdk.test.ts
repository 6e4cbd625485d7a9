import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import {
  answerLines,
  callBody,
  CONNECTOR_KEY,
  namesIn,
  pidOf,
  startTestConnector,
  type TestConnector,
  untilInstances,
} from "../support/connector.ts";
import { isRunning, readLines, until } from "../support/processes.ts";
import { findSdkTools, renamed, sdkPackage } from "../support/sdk-daemon.ts";

/* The published SDK in its serverless mode behind the connector. */

setDefaultTimeout(180_000);

const tools = await findSdkTools();
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";
const SECRET = "the secret of signatures";

describe.skipIf(why !== "")(`a connector that runs the SDK${why}`, () => {
  let connector: TestConnector;
  let endpoint: string;

  beforeAll(async () => {
    connector = await startTestConnector({
      env: { PLUGD_CONNECTOR_MAX_INSTANCES: "2", PLUGD_CONNECTOR_MAX_REQUEST_BYTES: "100000" },
    });
    ({ endpoint } = await connector.launched(sdkPackage("kitchen-tools")));
  });
  afterAll(() => connector[Symbol.asyncDispose]());

  test("tells the stages of a launch in order, and what it launched is found by its file name", async () => {
    const events = [];
    for await (const event of connector.launch(
      sdkPackage("kitchen-tools", renamed("kitchen-tools", "stages")),
    ))
      events.push(event);
    const stages = events.map(({ Stage }) => Stage);
    expect([...new Set(stages)]).toEqual(["start", "build", "run", "end"]);
    expect(stages).toEqual([...stages].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b)));
    const entry = (await connector.functions()).find(({ identifier }) => identifier.includes("/stages:"));
    const [author, rest = ""] = (entry?.identifier ?? "").split("/");
    const file = `${author}@${rest.replace(":", "@")}.difypkg`;
    const answer = await connector.request(`/v1/runner/instances?filename=${encodeURIComponent(file)}`);
    expect(await answer.json()).toEqual({
      error: "",
      Items: [
        {
          ID: entry?.id,
          Name: entry?.name,
          Endpoint: entry?.endpoint,
          ResourceName: `plugd:function:${entry?.name}`,
          Protocol: "sdk",
          Fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
          Status: { State: "running" },
        },
      ],
    });
    const other = await connector.request("/v1/runner/instances?filename=a@b@1.0.0@0.difypkg");
    expect(await other.json()).toEqual({ error: "", Items: [] });
  });

  test("streams what the plugin says as it says it", async () => {
    const response = await connector.call(endpoint, { what: "slow", n: 8 });
    expect(response.status).toBe(200);
    const at: number[] = [];
    const lines: string[] = [];
    for await (const line of readLines(response.body ?? new ReadableStream())) {
      if (line === "") continue;
      at.push(performance.now());
      lines.push(line);
    }
    expect(lines).toHaveLength(9);
    expect(lines[8]).toContain('"type":"end"');
    // Eight pauses of 100 ms lie between the first and the last.
    expect((at[8] ?? 0) - (at[0] ?? 0)).toBeGreaterThan(600);
  });

  test("answers without the 40 ms that a used connection to the SDK's server costs", async () => {
    const times: number[] = [];
    for (let call = 0; call < 10; call++) {
      const began = performance.now();
      await (await connector.call(endpoint, { what: "text" })).text();
      times.push(performance.now() - began);
    }
    expect(Math.min(...times)).toBeLessThan(35);
  });

  test("carries a large answer to a client that reads slowly, whole", async () => {
    const response = await connector.call(endpoint, { what: "big-blob", n: 3_000_000 });
    const reader = response.body?.getReader();
    let bytes = 0;
    let chunks = 0;
    for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
      bytes += read.value.byteLength;
      if (++chunks < 5) await Bun.sleep(20);
    }
    // Base64 in chunks of 8 KiB.
    expect(bytes).toBeGreaterThan(4_000_000);
  });

  test("starts a second process when the first is busy, and uses both", async () => {
    const slow = await connector.call(endpoint, { what: "slow", n: 100 });
    const second = await connector.call(endpoint, { what: "slow", n: 100 });
    await until(
      "a second process is ready",
      async () =>
        ((await connector.functions()).find((one) => one.endpoint === endpoint)?.instances.ready ?? 0) === 2,
      { withinMs: 20_000 },
    );
    const third = await pidOf(connector, endpoint);
    await slow.body?.cancel();
    await second.body?.cancel();
    expect(isRunning(third)).toBe(true);
    const pids = new Set([third]);
    await until("both have answered", async () => {
      const both = await Promise.all([pidOf(connector, endpoint), pidOf(connector, endpoint)]);
      for (const pid of both) pids.add(pid);
      return pids.size === 2;
    });
  });

  test("frees the call of a client that leaves", async () => {
    const leaving = new AbortController();
    const response = await connector.call(endpoint, { what: "slow", n: 300 }, { signal: leaving.signal });
    const calls = async () =>
      (await connector.functions()).find((one) => one.endpoint === endpoint)?.instances.calls;
    expect(await calls()).toBe(1);
    leaving.abort();
    await response.text().catch(() => undefined);
    await until("nothing is open", async () => (await calls()) === 0, { withinMs: 2000 });
  });

  test("a process that is killed ends its answer with a line that says so, and the next call is answered", async () => {
    const before = await pidOf(connector, endpoint);
    const responses = await Promise.all(
      [1, 2, 3, 4].map(() => connector.call(endpoint, { what: "slow", n: 100 })),
    );
    process.kill(before, "SIGKILL");
    const ends = await Promise.all(
      responses.map(async (response) => {
        const reader = readLines(response.body ?? new ReadableStream());
        for await (const line of reader) if (line.includes("errorType")) return JSON.parse(line) as unknown;
        return "no error";
      }),
    );
    const failed = ends.filter((end) => end !== "no error");
    expect(failed.length).toBeGreaterThan(0);
    expect(failed[0]).toMatchObject({
      errorType: "Runtime.ExitError",
      errorMessage: expect.stringContaining("it was ended by SIGKILL"),
    });
    expect(await pidOf(connector, endpoint)).not.toBe(before);
    const metadata = failed[0] as { requestId: string };
    expect(responses.map(({ headers }) => headers.get("x-amzn-requestid"))).toContain(metadata.requestId);
  });

  test("a request above the limit is refused with 413 and both sizes, in chunks as well", async () => {
    const body = callBody("s", { what: "text", pad: "x".repeat(150_000) });
    const chunks = new Response(body).body ?? new ReadableStream();
    for (const sent of [body, chunks]) {
      const response = await fetch(`${endpoint}/invoke?action=invoke_tool`, { method: "POST", body: sent });
      expect(response.status).toBe(413);
      const failure = (await response.json()) as Record<string, unknown>;
      expect(failure["error"]).toContain(`its body has ${body.length} bytes, and 100000 are allowed`);
      expect(failure["errorType"]).toBe("RequestTooLargeException");
    }
  });

  test("nothing secret stands in the environment of a process, and what it is told does", async () => {
    const environment = readFileSync(`/proc/${await pidOf(connector, endpoint)}/environ`, "utf8").split("\0");
    expect(environment).toContain("INSTALL_METHOD=serverless");
    expect(environment).toContain("SERVERLESS_HOST=127.0.0.1");
    expect(environment).toContain("DIFY_PLUGIN_DAEMON_URL=http://127.0.0.1:5002");
    expect(environment.join("\n")).not.toContain(CONNECTOR_KEY);
    expect(environment.filter((line) => line.startsWith("PLUGD_"))).toEqual([]);
  });

  test("streams what the processes print, first what was and then what comes", async () => {
    const entry = (await connector.functions()).find((one) => one.endpoint === endpoint);
    const watching = new AbortController();
    const response = await connector.request(`/v1/functions/${entry?.id}/logs`, { signal: watching.signal });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    let sawStart = false;
    const asked = pidOf(connector, endpoint).then(() => connector.call(endpoint, { what: "print" }));
    for await (const line of readLines(response.body ?? new ReadableStream())) {
      if (line.includes("Running on http://127.0.0.1")) sawStart = true;
      if (line.includes("a plain line on stdout")) break;
    }
    watching.abort();
    await (await asked).text();
    expect(sawStart).toBe(true);
    expect(connector.log()).toContain("a plain line on stdout");
  });

  test("launches of the same package at the same time share one build and its function", async () => {
    const pkg = sdkPackage("kitchen-tools", renamed("kitchen-tools", "shared"));
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => connector.launched(pkg)));
    expect(two).toEqual(one as NonNullable<typeof one>);
    expect(three).toEqual(one as NonNullable<typeof one>);
    const entries = (await connector.functions()).filter(({ identifier }) => identifier.includes("/shared:"));
    expect(entries).toHaveLength(1);
    expect(entries[0]?.instances.ready).toBe(1);
  });

  test("a launch of what is there keeps its URL and replaces its processes without failing a call", async () => {
    const pkg = sdkPackage("kitchen-tools", renamed("kitchen-tools", "again"));
    const first = await connector.launched(pkg);
    const before = await pidOf(connector, first.endpoint);
    const open = await connector.call(first.endpoint, { what: "slow", n: 30 });
    const second = await connector.launched(pkg);
    expect(second).toEqual(first);
    expect(await pidOf(connector, first.endpoint)).not.toBe(before);
    const lines = await answerLines(open);
    expect(lines).toHaveLength(31);
    await until("the old process has gone", () => !isRunning(before));
  });

  test.each(["", "wrong", `${CONNECTOR_KEY}x`])(
    "refuses the key %j everywhere but at the functions",
    async (key) => {
      for (const [method, path] of [
        ["POST", "/ping"],
        ["GET", "/v1/runner/instances"],
        ["POST", "/v1/launch"],
        ["GET", "/v1/functions"],
        ["DELETE", "/v1/functions/x"],
        ["GET", "/v1/functions/x/logs"],
      ] as const) {
        const response = await fetch(`${connector.url}${path}`, { method, headers: { authorization: key } });
        expect([path, response.status]).toEqual([path, 401]);
      }
    },
  );
});

const ORDER = ["start", "build", "run", "end"];

describe.skipIf(why !== "")(`a connector with tight limits${why}`, () => {
  test("a call that takes too long ends with a line that says so, one that waits too long with 504, and the process is replaced", async () => {
    await using connector = await startTestConnector({
      env: {
        PLUGD_CONNECTOR_TIMEOUT: "6",
        PLUGD_CONNECTOR_MAX_INSTANCES: "1",
        PLUGD_CONNECTOR_INSTANCE_CALLS: "1",
        PLUGD_CONNECTOR_QUEUE: "1",
      },
    });
    const { endpoint } = await connector.launched(sdkPackage("kitchen-tools"));
    const before = await pidOf(connector, endpoint);
    const long = await connector.call(endpoint, { what: "slow", n: 100 });
    await untilInstances(connector, { calls: 1 });
    const held = connector.call(endpoint, { what: "slow", n: 100 });
    await untilInstances(connector, { waiting: 1 });
    const refused = await connector.call(endpoint, { what: "text" });
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ errorType: "TooManyRequestsException" });
    const lines = await answerLines(long);
    expect(lines.at(-1)).toMatchObject({
      errorType: "Sandbox.Timedout",
      errorMessage: "Task timed out after 6.00 seconds",
    });
    const late = await held;
    expect(late.status).toBe(504);
    expect(await late.json()).toMatchObject({ errorType: "Sandbox.Timedout" });
    await until("the process that was too slow has gone", () => !isRunning(before));
    // Its start may take as long as a call.
    await until("another one answers", () => pidOf(connector, endpoint).then(isRunning, () => false), {
      withinMs: 60_000,
    });
  });

  test("an idle process is stopped, and the next call starts another", async () => {
    await using connector = await startTestConnector({ env: { PLUGD_CONNECTOR_IDLE_TIMEOUT: "1" } });
    const { endpoint } = await connector.launched(sdkPackage("kitchen-tools"));
    const before = await pidOf(connector, endpoint);
    await untilInstances(connector, { ready: 0, starting: 0 });
    await until("it has gone", () => !isRunning(before));
    expect(await pidOf(connector, endpoint)).not.toBe(before);
  });

  test("with a secret, only calls with the right signature are answered, and each once", async () => {
    await using connector = await startTestConnector({ env: { PLUGD_CONNECTOR_SIGNATURE_SECRET: SECRET } });
    const { endpoint } = await connector.launched(sdkPackage("kitchen-tools"));
    const sign = (body: string, secret = SECRET) =>
      new Bun.CryptoHasher("sha256", secret).update(body).digest("hex");
    const call = (sessionId: string, signature: string | undefined) =>
      connector.call(
        endpoint,
        { what: "text" },
        { sessionId, headers: signature === undefined ? {} : { "x-dify-plugin-signature": signature } },
      );
    const body = callBody("s1", { what: "text" });
    for (const wrong of [undefined, "", "00", sign(body, "another"), sign(`${body} `), "g".repeat(64)]) {
      const response = await call("s1", wrong);
      expect(response.status).toBe(401);
      expect(await response.text()).toContain("its signature is missing or wrong");
    }
    const right = await call("s1", sign(body));
    expect(right.status).toBe(200);
    expect(await answerLines(right)).toHaveLength(2);
    const replayed = await call("s1", sign(body));
    expect(replayed.status).toBe(401);
    expect(await replayed.text()).toContain("it was made before");
    const other = await call("s2", sign(callBody("s2", { what: "text" })));
    expect(other.status).toBe(200);
    await other.text();
    expect(connector.log()).not.toContain(SECRET);
  });

  test("a secret and an address that come with a launch are those of its function, until another launch brings others", async () => {
    await using connector = await startTestConnector();
    const pkg = sdkPackage("kitchen-tools");
    const sign = (body: string) =>
      new Bun.CryptoHasher("sha256", "of this function").update(body).digest("hex");
    const daemon_url = "http://127.0.0.1:5999/a-path-that-is-secret";
    const metadata = { daemon_url, signature_secret: "of this function" };
    const { endpoint, id } = await connector.launched(pkg, { metadata });
    expect((await connector.call(endpoint, { what: "text" })).status).toBe(401);
    const body = callBody("s1", { what: "pid" });
    const timestamp = String(Math.floor(Date.now() / 1000));
    const headers = {
      "x-dify-plugin-signature": sign(body),
      "x-dify-plugin-timestamp": timestamp,
      "x-dify-plugin-stamp": sign(`request.${timestamp}.s1.${body}`),
    };
    const unstamped = { "x-dify-plugin-signature": sign(body) };
    expect(
      (await connector.call(endpoint, { what: "pid" }, { sessionId: "s1", headers: unstamped })).status,
    ).toBe(401);
    const answer = await (
      await connector.call(endpoint, { what: "pid" }, { sessionId: "s1", headers })
    ).text();
    const pid = /"pid": ?(\d+)/.exec(answer)?.[1];
    expect(readFileSync(`/proc/${pid}/environ`, "utf8")).toContain(`DIFY_PLUGIN_DAEMON_URL=${daemon_url}\0`);
    const shown = await (await connector.request(`/v1/functions/${id}`)).text();
    for (const text of [shown, connector.log()]) {
      expect(text).not.toContain("a-path-that-is-secret");
      expect(text).not.toContain("of this function");
    }
    expect(await connector.launched(pkg)).toMatchObject({ id });
    expect(readFileSync(`/proc/${await pidOf(connector, endpoint)}/environ`, "utf8")).not.toContain(
      daemon_url,
    );
  });
});

describe.skipIf(why !== "")(`what is removed${why}`, () => {
  let connector: TestConnector;
  beforeAll(async () => {
    // What is removed takes environments with it that nobody needs.
    connector = await startTestConnector({ alone: true });
  });
  afterAll(() => connector[Symbol.asyncDispose]());

  const manifest = (plugin: string, name: string) => renamed(plugin, name);
  test.each([
    [
      "no zip at all",
      new TextEncoder().encode("this is no package"),
      {},
      "start",
      /not a valid difypkg file/,
    ],
    [
      "another identifier",
      sdkPackage("kitchen-tools"),
      { identifier: "a/b:1.0.0@00000000000000000000000000000000" },
      "start",
      /Cannot launch "a\/b:1\.0\.0@0+": the package is "plugd-test\/kitchen-tools:/,
    ],
    [
      "code that fails",
      sdkPackage("kitchen-tools", {
        ...manifest("kitchen-tools", "crash"),
        "main.py": "raise RuntimeError('boom at start')\n",
      }),
      {},
      "run",
      /it exited with 1 before it was healthy[\s\S]*boom at start/,
    ],
    [
      "a requirement that nobody has",
      sdkPackage("kitchen-tools", {
        ...manifest("kitchen-tools", "unmet"),
        "requirements.txt": "dify_plugin==0.0.0.1\n",
      }),
      {},
      "build",
      /dependencies/,
    ],
  ] as const)(
    "a launch that fails because of %s says why and leaves nothing",
    async (_, pkg, options, stage, text) => {
      const events = [];
      for await (const event of connector.launch(pkg, options)) events.push(event);
      const last = events.at(-1);
      expect(last).toMatchObject({ Stage: stage, State: "failed" });
      expect(last?.Message).toMatch(text);
      expect(events.filter(({ State }) => State === "failed")).toHaveLength(1);
      expect(await connector.functions()).toEqual([]);
      expect(await namesIn(connector.dataDir, "packages")).toEqual([]);
      expect(await namesIn(connector.dataDir, "functions")).toEqual([]);
      expect(await namesIn(connector.dataDir, "cwd")).toEqual([]);
    },
  );

  test("a function that is deleted is gone: its processes, its URL and its files", async () => {
    const pkg = sdkPackage("kitchen-tools", renamed("kitchen-tools", "deleted"));
    const { id, endpoint: url } = await connector.launched(pkg);
    const pid = await pidOf(connector, url);
    const deleted = await connector.request(`/v1/functions/${id}`, { method: "DELETE" });
    expect(await deleted.json()).toEqual({ deleted: id });
    expect(isRunning(pid)).toBe(false);
    expect((await connector.call(url, {})).status).toBe(404);
    expect((await connector.request(`/v1/functions/${id}`)).status).toBe(404);
    expect((await namesIn(connector.dataDir, "packages")).filter((name) => name.includes("deleted"))).toEqual(
      [],
    );
    expect(await namesIn(connector.dataDir, "functions")).not.toContain(`${id}.json`);
  });

  test("a launch whose form has no package, or metadata that is none, is refused with 400", async () => {
    for (const [fields, text] of [
      [{}, "no such file"],
      [{ metadata: "{" }, "it is not JSON"],
      [{ metadata: '{"plugin_unique_identifier":1}' }, "must be a text"],
    ] as const) {
      const form = new FormData();
      if ("metadata" in fields) form.set("context", new Blob(["x"]), "x.difypkg");
      for (const [name, value] of Object.entries(fields)) form.set(name, value);
      const response = await connector.request("/v1/launch", { method: "POST", body: form });
      expect(response.status).toBe(400);
      expect(await response.text()).toContain(text);
    }
  });
});
