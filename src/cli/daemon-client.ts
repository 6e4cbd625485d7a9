import { errorCode } from "../lib/system-error.ts";
import { type Answer, decodeEnvelope } from "./envelope.ts";
import { CliError, EXIT } from "./cli-error.ts";
import { type Connection, isLoopback } from "./connection.ts";
import { readLines } from "./lines.ts";
import { readServerEvents, type ServerEvent } from "./server-events.ts";

/** Above this an unexpected answer is cut before it is shown. */
const SHOWN_CHARACTERS = 200;

/** What commands ask of a running daemon. Paths are below `/plugin/<tenant>/`. */
export interface DaemonClient {
  readonly url: string;
  /** Rejects with `ApiError` when the daemon says no, with `CliError` when it does not answer as one. */
  get(path: string, query?: Readonly<Record<string, string>>): Promise<unknown>;
  post(path: string, body: unknown): Promise<unknown>;
  postForm(path: string, form: FormData): Promise<unknown>;
  /** Items as they arrive. Leaving the loop hangs up, and the daemon then drops the call. */
  stream(
    path: string,
    call: { readonly pluginId: string; readonly body: unknown },
  ): AsyncGenerator<Answer, void>;
  /** What happens to a plugin, as it happens; after a break it goes on with the event behind `lastEventId`. */
  watch(query: Readonly<Record<string, string>>): AsyncGenerator<ServerEvent, void>;
}

export interface DaemonClientOptions {
  /** How to start a daemon, for the message that none answers. */
  readonly program: string;
  readonly signal: AbortSignal;
}

/** A client of the HTTP API of one daemon, for one tenant (contract/http-api 1, 2). */
export function daemonClient(connection: Connection, options: DaemonClientOptions): DaemonClient {
  const base = `${connection.url}/plugin/${encodeURIComponent(connection.tenantId)}/`;

  async function send(path: string, init: BunFetchRequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    if (connection.key !== undefined) headers.set("x-api-key", connection.key);
    let response: Response;
    try {
      response = await fetch(base + path, {
        ...init,
        headers,
        signal: options.signal,
        redirect: "manual",
        // A plugin may think for longer than a default limit; Ctrl-C ends the wait.
        timeout: false,
        ...(isLoopback(connection.url) ? { proxy: false } : {}),
      });
    } catch (cause) {
      if (options.signal.aborted) throw cause;
      throw unreachable(connection.url, { program: options.program, cause });
    }
    if (response.status === 401) throw refused(connection);
    return response;
  }

  async function unary(path: string, init: BunFetchRequestInit): Promise<unknown> {
    const response = await send(path, init);
    const text = await response.text();
    const answer = decodeEnvelope(text);
    if (!answer) throw noDaemon(connection.url, { status: response.status, text });
    return answer.value;
  }

  return {
    url: connection.url,
    get: (path, query = {}) => {
      const search = new URLSearchParams(query).toString();
      return unary(search ? `${path}?${search}` : path, { method: "GET" });
    },
    post: (path, body) => unary(path, { method: "POST", ...json(body) }),
    postForm: (path, form) => unary(path, { method: "POST", body: form }),
    async *stream(path, { pluginId, body }) {
      const { headers, body: text } = json(body);
      const response = await send(path, {
        method: "POST",
        headers: { ...headers, "x-plugin-id": pluginId },
        body: text,
      });
      if (!response.body) return;
      try {
        for await (const line of readLines(response.body)) {
          const event = line.trim();
          if (event === "") continue;
          const answer = decodeEnvelope(event.startsWith("data:") ? event.slice(5) : event);
          if (!answer) throw noDaemon(connection.url, { status: response.status, text: line });
          yield answer;
        }
      } catch (cause) {
        if (!isBrokenConnection(cause) || options.signal.aborted) throw cause;
        throw brokenOff(connection.url, cause);
      }
    },
    async *watch(query) {
      const response = await send(`debugging/events?${new URLSearchParams(query).toString()}`, {
        method: "GET",
      });
      const type = response.headers.get("content-type") ?? "";
      if (!type.startsWith("text/event-stream") || !response.body)
        throw noDaemon(connection.url, { status: response.status, text: await response.text() });
      try {
        yield* readServerEvents(response.body);
      } catch (cause) {
        if (!isBrokenConnection(cause) || options.signal.aborted) throw cause;
        throw brokenOff(connection.url, cause);
      }
    },
  };
}

function json(body: unknown): { readonly headers: Record<string, string>; readonly body: string } {
  // Exactly this content type: with parameters some daemons read the query instead (contract/http-api 1.5).
  return { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

/** Failures of the network carry a code of their own; ours are errors with a name. */
function isBrokenConnection(cause: unknown): boolean {
  return errorCode(cause) !== undefined;
}

function unreachable(
  url: string,
  { program, cause }: { readonly program: string; readonly cause: unknown },
): CliError {
  return new CliError(`No daemon answers at "${url}"`, {
    exitCode: EXIT.unreachable,
    hint: `Start one with "${program} start", or name another one with --url or PLUGD_URL`,
    cause,
  });
}

function refused(connection: Connection): CliError {
  const { url, key, keySource } = connection;
  return new CliError(
    key === undefined
      ? `The daemon at "${url}" wants a key, and there is none here`
      : `The daemon at "${url}" refused the key from ${keySource}`,
    {
      exitCode: EXIT.refused,
      hint: "Pass the daemon's SERVER_KEY with --key, or name its data folder with --data-dir: the key is in server.key there",
    },
  );
}

function brokenOff(url: string, cause: unknown): CliError {
  return new CliError(`The daemon at "${url}" broke the answer off`, { cause });
}

function noDaemon(
  url: string,
  { status, text }: { readonly status: number; readonly text: string },
): CliError {
  const said = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  return new CliError(
    `What answers at "${url}" is no plugin daemon, or an older one: status ${status}, ${said ? `"${said}"` : "no body"}`,
    { hint: "Check the address given with --url, PLUGD_URL or SERVER_HOST and SERVER_PORT" },
  );
}
