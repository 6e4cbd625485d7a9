import { createEventReader } from "../../lib/event-stream.ts";
import { createLineSplitter } from "../../lib/line-splitter.ts";
import { describeError } from "../../lib/describe-error.ts";
import type { Logger } from "../../lib/logger.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { type Identifier, requireIdentifier } from "../../protocol/identifier.ts";
import {
  type DeployedFunction,
  type LaunchMetadata,
  packageFileName,
  readInstances,
  readLaunchLine,
} from "../../protocol/serverless/connector.ts";
import { type FunctionLogLine, readFunctionLogLine } from "../../protocol/serverless/function-log.ts";
import { readLineBlocks } from "./read-answer.ts";

/** The connector's side of a launch. */
export interface LaunchRequest {
  readonly identifier: Identifier;
  /** The `.difypkg` itself. */
  readonly bytes: Uint8Array;
  /** Its signature was checked. */
  readonly verified: boolean;
  readonly metadata: LaunchMetadata;
}

export interface LaunchOptions {
  /** One line each, the connector's own words where it has any. */
  readonly report: (message: string) => void;
  readonly signal: AbortSignal;
}

/** What builds and runs functions (contract/plugin-wire 3.1). All of it throws `unavailable` with the connector's words. */
export interface Connector {
  readonly url: string;
  ping(signal: AbortSignal): Promise<void>;
  /** The function of a package, if there is one. */
  find(identifier: Identifier, signal: AbortSignal): Promise<DeployedFunction | undefined>;
  launch(request: LaunchRequest, options: LaunchOptions): Promise<DeployedFunction>;
  /**
   * Tells the last lines of a function's log, then every new one, until the signal aborts or the connector hangs up.
   * At once over where there is no such function, or the connector shows no logs: that route is plugd's own.
   */
  followLog(
    identifier: string,
    options: { readonly onLine: (line: FunctionLogLine) => void; readonly signal: AbortSignal },
  ): Promise<void>;
}

export interface ConnectorOptions {
  readonly url: string;
  readonly key: string;
  /** Of a whole launch, in milliseconds. */
  readonly launchTimeoutMs: number;
  readonly log: Logger;
}

const LOOK_UP_MS = 60_000;
const PING_MS = 10_000;
const MAX_LINE_BYTES = 30 * 1024 * 1024;
const MAX_LOG_LINE_BYTES = 256 * 1024;
const MAX_REDIRECTS = 5;
/** What of an answer an error quotes. */
const QUOTED_CHARS = 1024;

export function createConnector(options: ConnectorOptions): Connector {
  const { key, log } = options;
  const base = options.url.replace(/\/+$/, "");

  /** Follows redirects, and takes the key to no other host. */
  async function request(
    path: string,
    init: RequestInit & { readonly signal: AbortSignal },
  ): Promise<Response> {
    let url = new URL(`${base}${path}`);
    const { origin } = url;
    for (let redirects = 0; ; redirects++) {
      const response = await fetch(url, {
        ...init,
        headers: url.origin === origin ? { authorization: key } : {},
        redirect: "manual",
        timeout: false,
      });
      const location = response.headers.get("location");
      if (response.status < 300 || response.status > 399 || location === null) return response;
      await response.body?.cancel();
      if (redirects >= MAX_REDIRECTS || !URL.canParse(location, url.href))
        throw new Error(`it redirects without end, last to "${location}"`);
      url = new URL(location, url.href);
    }
  }

  async function asking<T>(what: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof DaemonError) throw cause;
      const why = signal.aborted ? describeError(signal.reason) : describeError(cause);
      throw new DaemonError("unavailable", `Cannot ${what} at the connector "${base}": ${why}`, {
        cause,
        hint: "Check DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL and whether the connector runs",
      });
    }
  }

  async function readLaunch(
    body: ReadableStream<Uint8Array>,
    { identifier, report }: { readonly identifier: Identifier; readonly report: LaunchOptions["report"] },
  ): Promise<DeployedFunction> {
    const splitter = createLineSplitter(MAX_LINE_BYTES);
    let found: DeployedFunction | undefined;
    let failed: string | undefined;
    let isDone = false;
    const take = (line: string) => {
      const event = readLaunchLine(line);
      switch (event?.kind) {
        case undefined:
          return;
        case "info":
          return report(event.message);
        case "failed":
          // What follows may still be of use in the log; the first failure counts.
          failed ??= event.message === "" ? "it gave no reason" : event.message;
          return;
        case "function":
          found = event.function;
          return report(`Function ${event.function.name} at ${event.function.url}`);
        case "done":
          isDone = true;
          return report("Plugin launched");
        case "noise":
          log.debug("Connector output", { plugin: identifier.text, text: event.text.slice(0, QUOTED_CHARS) });
      }
    };
    const takeAll = (parts: ReturnType<typeof splitter.push>) => {
      for (const part of parts) {
        if (typeof part !== "string") throw new Error(`a line of ${part.sizeBytes} bytes is too long`);
        for (const line of part.split("\n")) take(line);
      }
    };
    for await (const chunk of body) takeAll(splitter.push(chunk));
    takeAll(splitter.flush());
    if (failed !== undefined) throw launchError(identifier, failed);
    if (!isDone) throw new Error("the connector broke the launch off before its end");
    if (!found || found.url === "" || found.name === "")
      throw launchError(identifier, "Internal server error, failed to get lambda url or function name");
    return found;
  }

  async function find(identifier: Identifier, signal: AbortSignal): Promise<DeployedFunction | undefined> {
    const query = new URLSearchParams({ filename: packageFileName(identifier) });
    const response = await request(`/v1/runner/instances?${query.toString()}`, { method: "GET", signal });
    const text = await response.text();
    const answer = parse(text);
    // The status is not looked at where there is an answer that can be read.
    if (answer === undefined) throw refused(base, { status: response.status, text });
    return readInstances(answer);
  }

  return {
    url: base,
    ping(closing) {
      const signal = AbortSignal.any([closing, AbortSignal.timeout(PING_MS)]);
      return asking(
        "ping",
        async () => {
          const response = await request("/ping", { method: "POST", signal });
          const text = await response.text();
          if (isPong(text)) return;
          throw refused(base, { status: response.status, text });
        },
        signal,
      );
    },
    find(identifier, closing) {
      const signal = AbortSignal.any([closing, AbortSignal.timeout(LOOK_UP_MS)]);
      return asking("look for a function", () => find(identifier, signal), signal);
    },
    async followLog(identifier, { onLine, signal }) {
      const lookUp = AbortSignal.any([signal, AbortSignal.timeout(LOOK_UP_MS)]);
      const id = (await find(requireIdentifier(identifier), lookUp))?.id;
      if (id === undefined) return;
      const { status, body } = await request(`/v1/functions/${encodeURIComponent(id)}/logs`, {
        method: "GET",
        signal,
      });
      if (status !== 200) return body?.cancel();
      const reader = createEventReader();
      for await (const part of readLineBlocks(body, { maxLineBytes: MAX_LOG_LINE_BYTES })) {
        if (part.kind === "oversize") continue;
        for (const { data } of reader.push(part.text)) {
          const line = readFunctionLogLine(data);
          if (line) onLine(line);
        }
      }
    },
    launch({ identifier, bytes, verified, metadata }, { report, signal: closing }) {
      const limit = AbortSignal.timeout(options.launchTimeoutMs);
      const signal = AbortSignal.any([closing, limit]);
      return asking(
        "launch a function",
        async () => {
          const form = new FormData();
          form.append("context", new Blob([Uint8Array.from(bytes)]), packageFileName(identifier));
          form.append("verified", String(verified));
          form.append("metadata", JSON.stringify(metadata));
          try {
            const response = await request("/v1/launch", { method: "POST", body: form, signal });
            if (response.status !== 200)
              throw refused(base, { status: response.status, text: await response.text() });
            if (!response.body) throw new Error("its answer is empty");
            return await readLaunch(response.body, { identifier, report });
          } catch (cause) {
            if (!limit.aborted || closing.aborted) throw cause;
            throw launchError(
              identifier,
              `it took longer than ${Math.round(options.launchTimeoutMs / 1000)} s ` +
                "(DIFY_PLUGIN_SERVERLESS_CONNECTOR_LAUNCH_TIMEOUT)",
            );
          }
        },
        signal,
      );
    },
  };
}

/** `"pong"` as JSON; a connector that follows the published text answers it plainly. */
function isPong(text: string): boolean {
  return parse(text) === "pong" || text.trim() === "pong";
}

function refused(
  url: string,
  { status, text }: { readonly status: number; readonly text: string },
): DaemonError {
  const said = text.length > QUOTED_CHARS ? `${text.slice(0, QUOTED_CHARS)}…` : text;
  const isKey = status === 401 || status === 403;
  return new DaemonError(
    "unavailable",
    `Cannot use the connector "${url}": request failed with status code: ${status} and respond with: ${said}`,
    {
      hint: isKey
        ? "Check DIFY_PLUGIN_SERVERLESS_CONNECTOR_API_KEY: the connector refused it"
        : "Check DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL and the log of the connector",
    },
  );
}

function launchError({ text }: Identifier, why: string): DaemonError {
  return new DaemonError("unavailable", `Cannot launch "${text}" as a function: ${why}`, {
    hint: "The connector's log tells more",
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
