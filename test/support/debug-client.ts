import { createConnection } from "node:net";
import { withDeadline } from "../../src/lib/deadline.ts";
import type { DaemonApi } from "./daemon-api.ts";
import { TENANT } from "./daemon-api.ts";

/** No line of the daemon is waited for longer than this, in milliseconds. */
const LIMIT_MS = 15_000;

/** A developer's side of a debugging connection, line by line. */
export interface DebugClient extends AsyncDisposable {
  /** One line for each: an object as JSON, a text as it is. */
  send(...messages: readonly (object | string)[]): void;
  /** No line end is added. */
  sendRaw(bytes: string | Uint8Array): void;
  /** The next line: JSON where it is, else the text. Fails when there is none before the end. */
  next(): Promise<unknown>;
  /** All that comes until the daemon closes. */
  rest(): Promise<unknown[]>;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  /** Bytes that wait to be sent: the daemon does not read. */
  readonly unsent: number;
  /** Stops and goes on reading. */
  pause(): void;
  resume(): void;
  hangUp(): void;
}

export async function connectDebug(
  port: number,
  options: {
    /** Keeps its side open when the daemon has closed its own. */
    readonly halfOpen?: boolean;
    readonly address?: string;
    /** Lines are waited for as long as the connection is there. */
    readonly unbounded?: boolean;
  } = {},
): Promise<DebugClient> {
  const { halfOpen = false, address, unbounded = false } = options;
  const socket = createConnection({
    host: "127.0.0.1",
    port,
    allowHalfOpen: halfOpen,
    ...(address !== undefined && { localAddress: address }),
  });
  const lines: string[] = [];
  const closed = Promise.withResolvers<void>();
  let rest: string[] = [];
  let isClosed = false;
  let wake = Promise.withResolvers<void>();
  socket.setEncoding("utf8");
  socket.on("data", (text) => {
    const [head = "", ...more] = String(text).split("\n");
    rest.push(head);
    if (more.length === 0) return;
    const parts = [rest.join(""), ...more];
    rest = [parts.pop() ?? ""];
    lines.push(...parts.filter((line) => line.trim() !== ""));
    wake.resolve();
  });
  socket.on("close", () => {
    isClosed = true;
    wake.resolve();
    closed.resolve();
  });
  // The daemon may cut a connection off; `closed` tells.
  socket.on("error", () => undefined);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", () => resolve());
    socket.once("error", reject);
  });

  async function line(): Promise<string | undefined> {
    for (;;) {
      const first = lines.shift();
      if (first !== undefined) return first;
      if (isClosed) return undefined;
      wake = Promise.withResolvers<void>();
      await wake.promise;
    }
  }
  const bounded = <T>(work: Promise<T>, what: string) =>
    unbounded ? work : withDeadline(work, { what, ms: LIMIT_MS });

  return {
    send(...messages) {
      for (const message of messages)
        socket.write(`${typeof message === "string" ? message : JSON.stringify(message)}\n`);
    },
    sendRaw: (bytes) => void socket.write(bytes),
    async next() {
      const text = await bounded(line(), "the next line of the daemon");
      if (text === undefined) throw new Error("The daemon has closed the connection");
      return parsed(text);
    },
    async rest() {
      const all: unknown[] = [];
      for (
        let text = await bounded(line(), "the daemon's close");
        text !== undefined;
        text = await bounded(line(), "the daemon's close")
      )
        all.push(parsed(text));
      return all;
    },
    closed: closed.promise,
    get unsent() {
      return socket.writableLength;
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    hangUp: () => socket.destroy(),
    async [Symbol.asyncDispose]() {
      socket.destroy();
      await closed.promise;
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const ICON = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>').toString("base64");
const en = (text: string) => ({ en_US: text });

export const handshake = (key: string) => ({ type: "handshake", data: { key } });
export const END = { type: "end", data: {} };
export const BEAT = { event: "heartbeat", session_id: null, data: {} };
export const ASSET = { type: "asset_chunk", data: { filename: "icon.svg", data: ICON, end: true } };

/** What a plugin `tests/debugged` declares; some of its fields replaced. */
export function manifestMessage(changes: object = {}) {
  return {
    type: "manifest_declaration",
    data: {
      version: "0.0.1",
      type: "plugin",
      author: "tests",
      name: "debugged",
      label: en("Debugged"),
      description: en("By hand"),
      icon: "icon.svg",
      icon_dark: null,
      created_at: "2026-01-02T03:04:05Z",
      resource: {
        memory: 1048576,
        permission: {
          tool: { enabled: true },
          storage: { enabled: true, size: 1048576 },
          endpoint: { enabled: true },
        },
      },
      plugins: { tools: ["provider/x.yaml"], models: [], endpoints: [] },
      meta: {
        version: "0.0.1",
        arch: ["amd64"],
        runner: { language: "python", version: "3.12", entrypoint: "main" },
        minimum_dify_version: null,
      },
      ...changes,
    },
  };
}

/** A provider `fake` with the tool `act`, as the fake plugin's calls name them. */
export function toolMessage(changes: object = {}) {
  return {
    type: "tool_declaration",
    data: [
      {
        identity: {
          author: "tests",
          name: "fake",
          description: en("Fake"),
          icon: "icon.svg",
          icon_dark: null,
          label: en("Fake"),
          tags: [],
        },
        credentials_schema: [],
        oauth_schema: null,
        tools: [
          {
            identity: { author: "tests", name: "act", label: en("Act") },
            parameters: [],
            description: { human: en("Acts"), llm: "Acts" },
          },
        ],
        ...changes,
      },
    ],
  };
}

/** A whole registration of `tests/debugged`, and the first heartbeat. */
export function registration(key: string, manifest: object = {}): object[] {
  return [handshake(key), manifestMessage(manifest), toolMessage(), ASSET, END, BEAT];
}

/** The key of a tenant, as the API gives it. */
export async function debugKey(api: DaemonApi, tenant = TENANT): Promise<string> {
  const response = await api.request(`/plugin/${tenant}/debugging/key`, { method: "POST" });
  const { data } = (await response.json()) as { data: { key: string } };
  return data.key;
}

/** What the daemon asks of the plugin. */
export interface DebugRequest {
  readonly session_id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Messages of a session, as an SDK writes them. */
export function item(sessionId: string, text: string) {
  return session(sessionId, { type: "stream", data: { type: "text", message: { text }, meta: null } });
}
export function end(sessionId: string) {
  return session(sessionId, { type: "end", data: {} });
}
export function session(sessionId: string, data: object) {
  return { event: "session", session_id: sessionId, data };
}
