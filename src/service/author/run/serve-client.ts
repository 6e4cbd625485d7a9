import { describeError } from "../../../lib/describe-error.ts";
import { createLineSplitter, type SplitPart } from "../../../lib/line-splitter.ts";
import { whenAborted } from "../../../lib/when-aborted.ts";
import type { Invocation, InvocationEnd } from "../../../protocol/invocation.ts";
import { type PluginError, pluginErrorText } from "../../../protocol/plugin-error.ts";
import { formatRunMessage, parseRunRequest, type RunFormat, type RunMessageType } from "./run-messages.ts";
import type { RunningPlugin } from "./start-plugin.ts";

/** One end of a connection: what a client sends, and a way to answer. */
export interface RunClient {
  readonly input: AsyncIterable<Uint8Array>;
  /** Resolves when it has left; rejects when the client is gone. */
  write(text: string): Promise<void>;
}

export interface ServeOptions {
  readonly plugin: Pick<RunningPlugin, "call">;
  readonly format: RunFormat;
  readonly signal: AbortSignal;
}

const MAX_LINE_BYTES = 15 * 1024 * 1024;

/**
 * Serves one client of a running plugin: a request a line, many at a time (contract/plugin-package 7.3). Resolves when
 * the client has said all and all of it is answered, or when the signal says so. A client that is gone ends its calls;
 * then it rejects with what the writing said.
 */
export async function serveClient(client: RunClient, options: ServeOptions): Promise<void> {
  const { plugin, format } = options;
  const gone = new AbortController();
  const signal = AbortSignal.any([gone.signal, options.signal]);
  // Of this client alone, so that a plugin can tell its clients apart.
  const userId = crypto.randomUUID();
  const calls = new Set<Promise<void>>();

  async function say(type: RunMessageType, invokeId: string, response: string): Promise<void> {
    try {
      await client.write(formatRunMessage({ invokeId, type, response }, format));
    } catch (error) {
      gone.abort(error);
      throw error;
    }
  }

  async function answer(line: string): Promise<void> {
    const request = parseRunRequest(line);
    await say("info", "", JSON.stringify({ info: "received request" }));
    const { invokeId } = request;
    if (!request.ok) return say("error", invokeId, errorResponse(request.problem));
    let invocation: Invocation;
    try {
      invocation = await plugin.call({ ...request, userId }, signal);
    } catch (error) {
      // Nothing was executed, so nothing ends.
      return say("error", invokeId, errorResponse(describeError(error)));
    }
    await relay(invocation, invokeId);
  }

  async function relay(invocation: Invocation, invokeId: string): Promise<void> {
    const onAbort = () => invocation.cancel();
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) invocation.cancel();
    try {
      for (;;) {
        const { items, end } = await invocation.take();
        for (const item of items) await say("plugin_response", invokeId, item);
        if (!end) continue;
        const error = errorOf(end);
        if (error) await say("error", invokeId, errorResponse(pluginErrorText(error)));
        await say("plugin_invoke_end", invokeId, JSON.stringify({ info: "plugin invoke end" }));
        return;
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      invocation.cancel();
    }
  }

  function begin(line: string): void {
    // A client that is gone is told by `gone`; nobody else needs to know of it.
    const call: Promise<void> = answer(line)
      .catch((error: unknown) => gone.abort(error))
      .finally(() => calls.delete(call));
    calls.add(call);
  }

  async function readAll(): Promise<void> {
    const splitter = createLineSplitter(MAX_LINE_BYTES);
    const take = async (parts: readonly SplitPart[]) => {
      for (const part of parts) {
        if (typeof part === "string") {
          for (const line of part.split("\n")) if (line.trim() !== "") begin(line);
        } else await say("error", "", errorResponse(tooLong(part.sizeBytes)));
      }
    };
    for await (const chunk of client.input) await take(splitter.push(chunk));
    await take(splitter.flush());
  }

  await say("plugin_ready", "", JSON.stringify({ info: "plugin loaded" }));
  // Whoever is gone, or told to go, need not say all.
  await Promise.race([readAll(), whenAborted(signal)]);
  await Promise.all(calls);
  gone.signal.throwIfAborted();
}

function tooLong(sizeBytes: number): string {
  return `invalid request: its line has ${sizeBytes} bytes, more than ${MAX_LINE_BYTES}`;
}

function errorResponse(text: string): string {
  return JSON.stringify({ error: text });
}

function errorOf(end: InvocationEnd): PluginError | undefined {
  switch (end.kind) {
    case "completed":
      return undefined;
    case "plugin_error":
    case "connection_closed":
    case "overflow":
      return { args: {}, ...end.error };
    case "timeout":
      return { error_type: "PluginDaemonInnerError", message: "killed by timeout", args: {} };
    case "cancelled":
      return { error_type: "PluginDaemonInnerError", message: "the call was given up", args: {} };
  }
}
