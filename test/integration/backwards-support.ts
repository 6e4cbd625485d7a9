import { encodeFrame } from "../../src/dify/frames.ts";
import type { CallingParameters } from "../support/calling-plugin.ts";
import { FAKE_PROVIDER, FAKE_TOOL } from "../support/fake-plugin-package.ts";
import type { TestDaemon } from "../support/daemon.ts";
import { TENANT } from "../support/daemon-api.ts";

/** What the platform was asked. */
export interface Asked {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
  /** The daemon has left before the answer was complete. */
  left: boolean;
}

export interface StandInPlatform extends Disposable {
  readonly env: Readonly<Record<string, string>>;
  readonly asked: readonly Asked[];
  /** Requests that are open, and the most that were at once. */
  readonly open: { now: number; most: number };
}

type Answering = (asked: Asked) => Response | Promise<Response>;

/** A platform that answers as the test says, and knows who left early. */
export function standInPlatform(answer: Answering): StandInPlatform {
  const asked: Asked[] = [];
  const open = { now: 0, most: 0 };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const entry: Asked = {
        path: new URL(request.url).pathname.replace("/inner/api/", ""),
        body: JSON.parse(await request.text()),
        headers: request.headers,
        left: false,
      };
      asked.push(entry);
      open.now++;
      open.most = Math.max(open.most, open.now);
      request.signal.addEventListener("abort", () => {
        entry.left = true;
      });
      try {
        return await answer(entry);
      } finally {
        open.now--;
      }
    },
  });
  return {
    env: { DIFY_INNER_API_URL: `http://127.0.0.1:${server.port}`, DIFY_INNER_API_KEY: "inner-key" },
    asked,
    open,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

export function unary(data: unknown): Response {
  return Response.json({ data, error: "" });
}

export function frameOf(data: unknown): Uint8Array {
  return encodeFrame(JSON.stringify({ data, error: "" }));
}

/** All frames at once, or until the reader leaves where `endless`. */
export function framed(items: readonly unknown[], options: { readonly endless?: boolean } = {}): Response {
  const bytes = Buffer.concat(items.map(frameOf));
  if (options.endless !== true) return new Response(bytes);
  return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(bytes) }));
}

/** The first byte of a frame, and then nothing for good. */
export function silent(): Response {
  return new Response(new ReadableStream({ start: (controller) => controller.enqueue(Uint8Array.of(0x0f)) }));
}

const ALL_PERMISSIONS = `  permission:
    tool: {enabled: true}
    model: {enabled: true, llm: true, text_embedding: true, rerank: true, tts: true, speech2text: true, moderation: true}
    node: {enabled: true}
    app: {enabled: true}
    storage: {enabled: true, size: 1048576}
`;

/** Installs the calling plugin; answers its id. */
export async function installCalling(
  daemon: Pick<TestDaemon, "api">,
  options: { readonly name?: string; readonly permissions?: string } = {},
): Promise<string> {
  const { name = "calling", permissions = ALL_PERMISSIONS } = options;
  const { api } = daemon;
  const identifier = await api.uploaded(
    { name },
    {
      "main.ts": await Bun.file(`${import.meta.dir}/../support/calling-plugin.ts`).text(),
      "manifest.yaml": manifest(name, permissions),
    },
  );
  const task = await api.finished(await api.startInstall(identifier));
  if (task.status !== "success") throw new Error(`Not installed: ${JSON.stringify(task.plugins)}`);
  return identifier.slice(0, identifier.indexOf(":"));
}

function manifest(name: string, permissions: string): string {
  return `version: 0.0.1
type: plugin
author: tests
name: ${name}
label: {en_US: Calling}
description: {en_US: Calls back.}
icon: icon.svg
created_at: "2026-01-01T00:00:00Z"
resource:
  memory: 268435456
${permissions}plugins:
  tools: [provider/fake.yaml]
meta:
  version: 0.0.1
  arch: [amd64, arm64]
  runner: {language: typescript, version: "1.4", entrypoint: main.ts}
`;
}

/** The events of one call back, as the plugin got them. */
export function eventsOf(items: readonly unknown[]): unknown[] {
  return items.map((item) => {
    const { backwards_request_id: _, ...event } = (
      item as { message: { json_object: Record<string, unknown> } }
    ).message.json_object;
    return event;
  });
}

/** Opens a call with headers of its own. */
export function openCall(
  daemon: Pick<TestDaemon, "api">,
  call: {
    readonly pluginId: string;
    /** Not used where there is `data`. */
    readonly parameters?: CallingParameters;
    readonly headers?: Readonly<Record<string, string>>;
    readonly path?: string;
    readonly data?: Readonly<Record<string, unknown>>;
    readonly tenant?: string;
  },
): Promise<Response> {
  const { pluginId, parameters = {}, headers = {}, path = "/tool/invoke", data, tenant = TENANT } = call;
  return daemon.api.request(`/plugin/${tenant}/dispatch${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-plugin-id": pluginId, ...headers },
    body: JSON.stringify({
      user_id: "u1",
      data: data ?? {
        provider: FAKE_PROVIDER,
        tool: FAKE_TOOL,
        credentials: {},
        tool_parameters: parameters,
      },
    }),
  });
}
