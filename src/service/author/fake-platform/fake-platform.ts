import { DaemonError } from "../../../protocol/daemon-error.ts";
import { answerOf } from "./answers.ts";
import { readFault } from "./faults.ts";
import { type Fields, isObject } from "./fields.ts";
import { guideText } from "./guide.ts";
import { errorPlan, type Plan, planResponse } from "./plan.ts";
import { createReceivedLog, type Received } from "./received.ts";
import { sendPlan } from "./send-plan.ts";
import { readUpload } from "./uploads.ts";

export interface FakePlatformOptions {
  /** 0: any that is free. */
  readonly port: number;
  readonly hostname?: string;
  /** What callers have to bring as `X-Inner-Api-Key`. */
  readonly key?: string;
  /** Called when a request is over. */
  readonly onRequest?: (received: Received) => void;
}

/** An inner API of Dify that makes everything up, always the same way (contract/backwards-invocation 8). */
export interface FakePlatform {
  /** For `DIFY_INNER_API_URL`. */
  readonly url: string;
  /** For `DIFY_INNER_API_KEY`. */
  readonly key: string;
  /** Requests so far, in order of arrival; entries change until their request is over. */
  received(): readonly Received[];
  clear(): void;
  /** Ends open requests, too. Idempotent. */
  close(): Promise<void>;
}

export const DEFAULT_KEY = "fake-platform-key";
const INNER = "/inner/api/";
const UPLOAD = "/files/upload/for-plugin";
const MAX_BODY_BYTES = 512 * 1024 * 1024;

/** Throws `startup` when it cannot listen. */
export function startFakePlatform(options: FakePlatformOptions): FakePlatform {
  const { hostname = "127.0.0.1", key = DEFAULT_KEY, onRequest = () => {} } = options;
  const log = createReceivedLog();

  async function answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    // Duplicate slashes come from a base URL that ends with one.
    const path = url.pathname.replace(/\/{2,}/g, "/");
    if (path === "/") return new Response(guideText(url.origin));
    if (path === "/__log") return answerLog(request);
    const { body, plan } = await prepare(request, { path, url });
    const received = log.add({
      method: request.method,
      path: path + url.search,
      headers: Object.fromEntries(request.headers),
      body,
    });
    return sendPlan(plan, { received, signal: request.signal, onEnd: () => onRequest(received) });
  }

  function answerLog(request: Request): Response {
    if (request.method === "DELETE") {
      log.clear();
      return new Response(null, { status: 204 });
    }
    return Response.json(log.list());
  }

  async function prepare(
    request: Request,
    { path, url }: { readonly path: string; readonly url: URL },
  ): Promise<{ readonly body: unknown; readonly plan: Plan }> {
    if (path === UPLOAD && request.method === "POST") return readUpload(request);
    const text = await request.text();
    const json = parse(text);
    const body = json ?? text;
    if (!path.startsWith(INNER) || request.headers.get("x-inner-api-key") !== key)
      return { body, plan: errorPlan(404, "not_found", "The requested URL was not found on the server.") };
    if (request.method !== "POST")
      return {
        body,
        plan: errorPlan(405, "method_not_allowed", "The method is not allowed for the requested URL."),
      };
    if (json === undefined)
      return { body, plan: errorPlan(400, "invalid_param", "invalid payload: it is no JSON object") };
    const given = answerOf(path.slice(INNER.length), json, { url: url.origin });
    if (!given)
      return { body, plan: errorPlan(404, "not_found", "The requested URL was not found on the server.") };
    return { body, plan: planResponse(given, readFault(json)) };
  }

  const server = listen({ hostname, port: options.port, fetch: answer });
  const host = hostname === "0.0.0.0" || hostname === "::" ? "127.0.0.1" : hostname;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${server.port}`,
    key,
    received: () => log.list(),
    clear: () => log.clear(),
    async close() {
      await server.stop(true);
    },
  };
}

function listen(options: {
  readonly hostname: string;
  readonly port: number;
  readonly fetch: (request: Request) => Promise<Response>;
}) {
  try {
    return Bun.serve({
      ...options,
      idleTimeout: 0,
      reusePort: false,
      development: false,
      maxRequestBodySize: MAX_BODY_BYTES,
    });
  } catch (cause) {
    throw new DaemonError(
      "startup",
      `Cannot listen on "${options.hostname}:${options.port}": ${String(cause)}`,
      {
        cause,
        hint: "Choose another port",
      },
    );
  }
}

function parse(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    // Whatever it is, the log shows it.
    return undefined;
  }
}
