/** Endpoints of a plugin that is written with the published SDK. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { packZip } from "../support/pack.ts";
import { until } from "../support/processes.ts";
import { temporaryFolder } from "./author-support.ts";
import { callHook, endpointsOf } from "./hooks-support.ts";
import { CACHE } from "./python-env-support.ts";

/** Preparing an environment with the real SDK. */
const INSTALL_LIMIT_MS = 120_000;
setDefaultTimeout(30_000);

const METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS"] as const;

const SOURCE = `import json
from werkzeug import Request, Response
from dify_plugin import Endpoint


class Any(Endpoint):
    def _invoke(self, r: Request, values, settings) -> Response:
        what = values["what"]
        if what == "stream":
            return Response((f"data: {n}\\n\\n" for n in range(500)), status=201, content_type="text/event-stream")
        if what == "late":
            return Response(late(), content_type="text/plain")
        if what == "fail":
            raise RuntimeError("no <&> é")
        seen = {
            "method": r.method, "path": r.path, "args": r.args.to_dict(flat=False), "body": r.get_data().hex(),
            "length": r.headers.get("Content-Length"), "url": r.headers.get("Dify-Hook-Url"),
            "settings": dict(settings), "endpoint": bool(self.session.endpoint_id),
        }
        return Response(json.dumps(seen), status=202, content_type="application/json", headers={"X-Kept": "é"})


def late():
    yield "begun "
    raise ValueError("late")
`;

let daemon: LocalDaemon;
let path: string;
const folder = temporaryFolder();

/** A package with an endpoint for each method. */
function sdkPackage(): Uint8Array {
  const manifest = `version: 0.0.1
type: plugin
author: tests
name: sdk-hooks
label: {en_US: Hooks}
description: {en_US: Hooks}
icon: icon.svg
created_at: "2026-01-01T00:00:00Z"
resource:
  memory: 268435456
  permission:
    endpoint: {enabled: true}
plugins:
  endpoints:
    - group/any.yaml
meta:
  version: 0.0.1
  arch: [amd64, arm64]
  runner: {language: python, version: "3.12", entrypoint: main}
`;
  const endpoints = METHODS.map((method) => [
    `endpoints/${method}.yaml`,
    `path: /any/<what>\nmethod: ${method}\nextra: {python: {source: endpoints/any.py}}\n`,
  ]);
  const files: Readonly<Record<string, string>> = {
    "manifest.yaml": manifest,
    "main.py": "from dify_plugin import DifyPluginEnv, Plugin\n\nPlugin(DifyPluginEnv()).run()\n",
    "requirements.txt": "dify_plugin==0.10.2\n",
    "_assets/icon.svg": '<svg xmlns="http://www.w3.org/2000/svg"/>',
    "group/any.yaml": `settings: []\nendpoints:\n${METHODS.map((method) => `  - endpoints/${method}.yaml\n`).join("")}`,
    "endpoints/any.py": SOURCE,
    ...Object.fromEntries(endpoints),
  };
  return packZip(Object.entries(files).map(([name, data]) => ({ name, data })));
}

beforeAll(async () => {
  const dataDir = join(folder.path, "data");
  mkdirSync(dataDir);
  mkdirSync(CACHE, { recursive: true });
  symlinkSync(CACHE, join(dataDir, "cache"));
  // Where the package index is, and whom it is trusted by, is for the machine to say.
  const env = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  daemon = await startTestDaemon({ dataDir, env: Object.fromEntries(env) });
  const { data, failure } = await daemon.api.upload(sdkPackage());
  if (failure) throw new Error(failure.message);
  const identifier = (data as { unique_identifier: string }).unique_identifier;
  const taskId = await daemon.api.startInstall(identifier);
  await until(
    "it is installed",
    async () => {
      const { status, plugins } = await daemon.api.task(taskId);
      if (status === "failed") throw new Error(plugins[0]?.message);
      return status === "success";
    },
    { withinMs: INSTALL_LIMIT_MS, everyMs: 200 },
  );
  path = await endpointsOf(daemon).setUp(identifier, { token: "t" });
}, INSTALL_LIMIT_MS);

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

test.each([
  ["GET", "", null],
  ["POST", "text", "4"],
  ["POST", "", "0"],
  ["PUT", "text", "4"],
  ["PUT", "", "0"],
  ["DELETE", "", null],
  ["DELETE", "text", "4"],
  ["OPTIONS", "", null],
])("%s with the body %j arrives as the SDK reads it", async (method, body, length) => {
  const response = await callHook(daemon, `${path}/any/a%20b?z=1&a=2&a=1&flag`, {
    method,
    ...(body !== "" && { body }),
    ...(method === "POST" && body === "" && { headers: { "content-length": "0" } }),
  });
  expect([response.status, response.headers.get("content-type")]).toEqual([202, "application/json"]);
  expect(Buffer.from(response.headers.get("x-kept") ?? "", "latin1").toString()).toBe("é");
  expect(await response.json()).toEqual({
    method,
    path: "/any/a b",
    args: { a: ["2", "1"], flag: [""], z: ["1"] },
    body: Buffer.from(body).toString("hex"),
    length,
    url: `${daemon.url}${path}/any/a b`,
    settings: { token: "t" },
    endpoint: true,
  });
});

test("HEAD has the head of GET and its length", async () => {
  const [head, get] = await Promise.all(
    ["HEAD", "GET"].map((method) => callHook(daemon, `${path}/any/x`, { method })),
  );
  const bytes = (await get?.bytes())?.byteLength;
  expect([head?.status, head?.headers.get("content-length"), await head?.text()]).toEqual([
    202,
    // The method is a letter longer.
    String((bytes ?? 0) + 1),
    "",
  ]);
});

test("a streamed answer comes whole, every time", async () => {
  const wanted = Array.from({ length: 500 }, (_, n) => `data: ${n}\n\n`).join("");
  const answers = await Promise.all(Array.from({ length: 10 }, () => callHook(daemon, `${path}/any/stream`)));
  for (const response of answers) {
    expect([response.status, response.headers.get("content-type")]).toEqual([201, "text/event-stream"]);
    expect(await response.text()).toBe(wanted);
  }
});

test("failures are answered as the SDK tells them", async () => {
  const answer = async (what: string, init?: RequestInit) => {
    const response = await callHook(daemon, `${path}${what}`, init);
    return [response.status, await response.text()] as const;
  };
  expect(await answer("/any/fail")).toEqual([500, "Internal Server Error: no <&> é"]);
  expect((await answer("/nope"))[1]).toStartWith("Failed to dispatch endpoint request: 404 Not Found");
  const [status, text] = await answer("/any/late");
  expect([status, text]).toEqual([200, expect.stringMatching(/^begun \{"args":.*"error_type":"ValueError"/)]);
});

test("a header that the SDK would refuse is left out", async () => {
  const response = await callHook(daemon, `${path}/any/x`, { headers: { x_under_score: "1" } });
  expect(response.status).toBe(202);
});
