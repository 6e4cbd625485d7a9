import type { Subprocess } from "bun";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localSettings } from "../../src/local-settings.ts";
import { createLogger } from "../../src/lib/create-logger.ts";
import { readPackage } from "../../src/package/read-package.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import { createProvisioner } from "../../src/runtime/local/provisioner.ts";
import { freePort } from "./daemon.ts";
import { until } from "./processes.ts";

/** What a launch has sent. */
export interface Launched {
  readonly fileName: string;
  readonly verified: string;
  readonly metadata: { readonly plugin_unique_identifier: string; readonly daemon_url?: string };
  readonly bytes: Uint8Array;
}

export interface StandInConnectorOptions {
  /** Makes the function; the URL of it. */
  readonly launch: (launched: Launched) => Promise<string> | string;
  /** Answers in place of the connector; undefined: as it would. */
  readonly instead?: (request: Request, path: string) => Promise<Response | undefined> | Response | undefined;
}

export interface StandInConnector extends AsyncDisposable {
  readonly url: string;
  readonly key: string;
  readonly env: Readonly<Record<string, string>>;
  /** Method and path, with the query. */
  readonly requests: string[];
  readonly launches: Launched[];
}

/** A connector of the reference's API (contract/plugin-wire 3.1) on a free port, gone with its block (`await using`). */
export function startStandInConnector(options: StandInConnectorOptions): StandInConnector {
  const key = "the connector's key";
  const requests: string[] = [];
  const launches: Launched[] = [];
  const functions = new Map<string, string>();

  async function launch(request: Request): Promise<Response> {
    const form = await request.formData();
    const file = form.get("context");
    const field = (name: string) => {
      const value = form.get(name);
      return typeof value === "string" ? value : "";
    };
    if (!(file instanceof File)) return new Response("no package", { status: 400 });
    const launched = {
      fileName: file.name,
      verified: field("verified"),
      metadata: JSON.parse(field("metadata")),
      bytes: await file.bytes(),
    };
    launches.push(launched);
    const stages = async function* () {
      yield ": a comment\n\n";
      yield line("healthz", "running", "");
      yield line("start", "running", "");
      yield line("build", "running", "step 1 of 2");
      try {
        const endpoint = await options.launch(launched);
        functions.set(file.name, endpoint);
        yield line("run", "success", `endpoint=${endpoint},name=fn-1,id=i-1`);
        yield line("end", "success", "");
      } catch (cause) {
        yield line("build", "failed", cause instanceof Error ? cause.message : String(cause));
      }
    };
    return new Response(stages(), { headers: { "content-type": "text/event-stream" } });
  }

  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const url = new URL(request.url);
      requests.push(`${request.method} ${url.pathname}${url.search}`);
      const instead = await options.instead?.(request, url.pathname);
      if (instead) return instead;
      if (request.headers.get("authorization") !== key) return new Response("wrong key", { status: 401 });
      switch (url.pathname) {
        case "/ping":
          return Response.json("pong");
        case "/v1/runner/instances": {
          const endpoint = functions.get(url.searchParams.get("filename") ?? "");
          const item = {
            ID: "i-1",
            Name: "fn-1",
            Endpoint: endpoint,
            ResourceName: "r",
            Status: { State: "running" },
          };
          return Response.json({ error: "", Items: endpoint === undefined ? [] : [item] });
        }
        case "/v1/launch":
          return launch(request);
        default:
          return new Response("not found", { status: 404 });
      }
    },
  });
  const url = `http://127.0.0.1:${server.port}`;
  return {
    url,
    key,
    env: {
      DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL: url,
      DIFY_PLUGIN_SERVERLESS_CONNECTOR_API_KEY: key,
      ADMIN_API_ENABLED: "true",
      ADMIN_API_KEY: "the admin's key",
    },
    requests,
    launches,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

function line(Stage: string, State: string, Message: string): string {
  return `data: ${JSON.stringify({ Stage, State, Obj: "", Message })}\n\n`;
}

/** Runs packages with the published SDK in its serverless mode, each a process of its own. */
export interface SdkFunctions extends AsyncDisposable {
  launch(launched: Launched): Promise<string>;
  output(): string;
}

/** Environments and downloads come from these folders, where other tests have left them. */
export async function startSdkFunctions(dataPath: string): Promise<SdkFunctions> {
  const own = await mkdtemp(join(tmpdir(), "plugd-functions-"));
  const children: Subprocess[] = [];
  let text = "";
  const env = { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "" };
  const settings = localSettings(
    { settings: parseConfig(env), env, execPath: process.execPath },
    { dataPath },
  );
  const provisioner = createProvisioner({
    settings: { ...settings, workingPath: join(own, "cwd") },
    log: createLogger({ level: "ERROR", format: "text", write: () => undefined }),
  });
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    for await (const chunk of stream) text += new TextDecoder().decode(chunk);
  };
  return {
    output: () => text,
    async launch({ bytes, metadata }) {
      const { identifier, declaration, files } = await readPackage(bytes, {
        maxUncompressedBytes: 50_000_000,
        publicKeys: [],
      });
      const plan = await provisioner.prepare(
        { identifier, declaration, load: async () => files },
        { report: () => undefined, signal: AbortSignal.timeout(200_000) },
      );
      const port = freePort();
      const child = Bun.spawn([...plan.argv], {
        cwd: plan.cwd,
        env: {
          ...plan.env,
          INSTALL_METHOD: "serverless",
          SERVERLESS_HOST: "127.0.0.1",
          SERVERLESS_PORT: String(port),
          DIFY_PLUGIN_DAEMON_URL: metadata.daemon_url ?? "",
        },
        stdio: ["ignore", "pipe", "pipe"],
      });
      children.push(child);
      void Promise.all([collect(child.stdout), collect(child.stderr)]);
      const url = `http://127.0.0.1:${port}`;
      await until(
        `the function answers\n${text}`,
        async () => {
          const answer = await fetch(`${url}/health`).catch(() => undefined);
          return answer?.ok === true;
        },
        { withinMs: 30_000 },
      );
      return url;
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill("SIGKILL");
      await Promise.all(children.map(({ exited }) => exited));
      await rm(own, { recursive: true, force: true });
    },
  };
}
