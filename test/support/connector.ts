import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunningConnector } from "../../src/cli/cli-deps.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import { startConnector } from "../../src/connector.ts";
import { createLogger } from "../../src/lib/create-logger.ts";
import { CACHE } from "../integration/python-env-support.ts";
import { freePort } from "./daemon.ts";
import { readLines, until } from "./processes.ts";
import { indexSettings, keptEnvironments } from "./sdk-daemon.ts";

export const CONNECTOR_KEY = "a key that only this connector knows";

export interface LaunchEventLine {
  readonly Stage: string;
  readonly State: string;
  readonly Obj: string;
  readonly Message: string;
}

export interface Launched {
  readonly endpoint: string;
  readonly name: string;
  readonly id: string;
}

export interface FunctionEntry {
  readonly id: string;
  readonly name: string;
  readonly identifier: string;
  readonly endpoint: string;
  readonly instances: { starting: number; ready: number; calls: number; waiting: number };
}

/** A client of a connector, as a daemon and an operator would be. */
export interface ConnectorApi {
  readonly url: string;
  request(path: string, init?: RequestInit): Promise<Response>;
  /** The events of a launch as they come. */
  launch(pkg: Uint8Array, options?: LaunchOptions): AsyncGenerator<LaunchEventLine>;
  /** The function of a launch that succeeds; fails with its last message where it does not. */
  launched(pkg: Uint8Array, options?: LaunchOptions): Promise<Launched>;
  functions(): Promise<readonly FunctionEntry[]>;
  /** One call in the reference's form. */
  call(endpoint: string, parameters: object, options?: CallOptions): Promise<Response>;
}

export interface LaunchOptions {
  readonly verified?: boolean;
  readonly identifier?: string;
  readonly metadata?: object;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  readonly sessionId?: string;
}

export interface TestConnector extends AsyncDisposable, ConnectorApi {
  readonly dataDir: string;
  log(): string;
  close(): Promise<void>;
}

export interface ChildConnector extends AsyncDisposable, ConnectorApi {
  readonly pid: number;
  kill(signal: "SIGKILL" | "SIGTERM"): void;
  readonly exited: Promise<number | null>;
}

export interface TestConnectorOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Kept when the connector ends. */
  readonly dataDir?: string;
  /** Builds its environments itself. */
  readonly alone?: boolean;
}

const MAIN = join(import.meta.dir, "../../src/main.ts");
const KEPT_VARIABLES = ["PATH", "HOME", "TMPDIR", "LANG"];

/** Starts a connector in this process. Ends with its block (`await using`). */
export async function startTestConnector(options: TestConnectorOptions = {}): Promise<TestConnector> {
  const lines: string[] = [];
  const log = createLogger({ level: "DEBUG", format: "text", write: (line) => lines.push(line) });
  const dataDir = await prepareFolder(options);
  const env = environmentOf(options, dataDir);
  let connector: RunningConnector;
  try {
    connector = await startConnector({
      settings: parseConfig(env),
      env,
      execPath: process.execPath,
      log,
    });
  } catch (error) {
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
  return {
    ...connectorApi(connector.url),
    dataDir,
    log: () => lines.join(""),
    close: () => connector.close(),
    async [Symbol.asyncDispose]() {
      await connector.close();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Starts a connector as a process and waits until it listens. Killed with its block. */
export async function spawnTestConnector(
  options: TestConnectorOptions & { readonly dataDir: string },
): Promise<ChildConnector> {
  const env = environmentOf(options, await prepareFolder(options));
  const child = Bun.spawn([process.execPath, MAIN, "connector"], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const listening = Promise.withResolvers<void>();
  const read = (async () => {
    for await (const line of readLines(child.stdout)) if (line.includes("Listening")) listening.resolve();
    listening.reject(new Error("The connector ended before it listened"));
  })();
  await listening.promise;
  return {
    ...connectorApi(`http://127.0.0.1:${env["PLUGD_CONNECTOR_PORT"]}`),
    pid: child.pid,
    kill: (signal) => child.kill(signal),
    exited: child.exited,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      await read;
    },
  };
}

async function prepareFolder(options: TestConnectorOptions): Promise<string> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "plugd-connector-")));
  mkdirSync(CACHE, { recursive: true });
  mkdirSync(dataDir, { recursive: true });
  const kept = { cache: CACHE, envs: options.alone === true ? undefined : keptEnvironments() };
  for (const [name, folder] of Object.entries(kept))
    if (folder !== undefined && !existsSync(join(dataDir, name))) symlinkSync(folder, join(dataDir, name));
  return dataDir;
}

function environmentOf(options: TestConnectorOptions, dataDir: string): Record<string, string> {
  const kept = KEPT_VARIABLES.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(kept),
    ...indexSettings(),
    PLUGD_CONNECTOR_PORT: String(freePort()),
    PLUGD_CONNECTOR_KEY: CONNECTOR_KEY,
    FORCE_VERIFYING_SIGNATURE: "false",
    PLUGD_DRAIN_TIMEOUT: "5",
    BUN_CONFIG_MAX_HTTP_REQUESTS: "8192",
    ...options.env,
    PLUGD_CONNECTOR_DATA_DIR: dataDir,
  };
}

function connectorApi(url: string): ConnectorApi {
  const request: ConnectorApi["request"] = (path, init) =>
    fetch(`${url}${path}`, { ...init, headers: { authorization: CONNECTOR_KEY } });

  async function* launch(pkg: Uint8Array, options: LaunchOptions = {}): AsyncGenerator<LaunchEventLine> {
    const form = new FormData();
    form.set("context", new Blob([new Uint8Array(pkg)]), "a@n@1@c.difypkg");
    form.set("verified", String(options.verified ?? false));
    const metadata = { plugin_unique_identifier: options.identifier, ...options.metadata };
    form.set("metadata", JSON.stringify(metadata));
    const response = await request("/v1/launch", { method: "POST", body: form });
    if (response.status !== 200 || !response.body)
      throw new Error(`The launch was refused with ${response.status}: ${await response.text()}`);
    for await (const line of readLines(response.body)) {
      const text = line.replace(/^data:/, "").trim();
      if (text !== "") yield JSON.parse(text) as LaunchEventLine;
    }
  }

  return {
    url,
    request,
    launch,
    async launched(pkg, options) {
      let found: Launched | undefined;
      let last: LaunchEventLine | undefined;
      for await (const event of launch(pkg, options)) {
        last = event;
        if (event.Stage === "run" && event.State === "success") found = readLaunched(event.Message);
      }
      if (!found || last?.Stage !== "end") throw new Error(`Not launched: ${JSON.stringify(last)}`);
      return found;
    },
    async functions() {
      const answer = (await (await request("/v1/functions")).json()) as { functions: FunctionEntry[] };
      return answer.functions;
    },
    call: (endpoint, tool_parameters, { signal, headers, sessionId = crypto.randomUUID() } = {}) =>
      fetch(`${endpoint}/invoke?action=invoke_tool`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "text/event-stream",
          "dify-plugin-session-id": sessionId,
          ...headers,
        },
        body: callBody(sessionId, tool_parameters),
        ...(signal && { signal }),
      }),
  };
}

/** An in-message for the tool of the plugin "kitchen-tools" (contract/plugin-wire 0.1). */
export function callBody(session_id: string, tool_parameters: object): string {
  return JSON.stringify({
    session_id,
    conversation_id: null,
    message_id: null,
    app_id: null,
    endpoint_id: null,
    context: null,
    event: "request",
    data: {
      type: "tool",
      action: "invoke_tool",
      user_id: "u",
      provider: "kitchen",
      tool: "say",
      credentials: {},
      tool_parameters,
    },
  });
}

/** As a daemon reads it: parts between commas, each with one equals sign (contract/plugin-wire 3.1). */
export function readLaunched(message: string): Launched {
  const parts = message.split(",").map((part) => part.split("="));
  for (const part of parts)
    if (part.length !== 2) throw new Error(`invalid key-value pair: ${part.join("=")}`);
  const { endpoint = "", name = "", id = "" } = Object.fromEntries(parts) as Partial<Launched>;
  return { endpoint, name, id };
}

/** The lines of an answer, without those that are empty. */
export async function answerLines(response: Response): Promise<Record<string, unknown>[]> {
  const text = await response.text();
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The process that answers a call of "kitchen-tools". */
export async function pidOf(api: ConnectorApi, endpoint: string): Promise<number> {
  const text = await (await api.call(endpoint, { what: "pid" })).text();
  const pid = /"pid": ?(\d+)/.exec(text)?.[1];
  if (pid === undefined) throw new Error(`There is no pid in ${text}`);
  return Number(pid);
}

/** Waits until the state of the only function is as wanted. */
export async function untilInstances(
  api: ConnectorApi,
  wanted: Partial<FunctionEntry["instances"]>,
): Promise<void> {
  let seen: unknown;
  await until(
    `instances are ${JSON.stringify(wanted)}`,
    async () => {
      const [entry] = await api.functions();
      seen = entry?.instances;
      return Object.entries(wanted).every(
        ([name, value]) => entry?.instances[name as keyof FunctionEntry["instances"]] === value,
      );
    },
    { withinMs: 20_000 },
  ).catch((error: unknown) => {
    throw new Error(`They are ${JSON.stringify(seen)}`, { cause: error });
  });
}

/** Names in a folder of the connector, empty where there is none. */
export async function namesIn(dataDir: string, ...path: readonly string[]): Promise<string[]> {
  const found = await readdir(join(dataDir, ...path), { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  return found.filter((entry) => entry.isFile()).map((entry) => entry.name);
}
