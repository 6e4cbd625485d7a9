import { settlesWithin } from "../lib/deadline.ts";
import { errorMessage } from "../lib/describe-error.ts";
import type { Logger } from "../lib/logger.ts";
import { errorCode } from "../lib/system-error.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import type { LimitBody } from "./body-limit.ts";
import type { RequestTracker } from "./request-tracker.ts";

export interface ServerOptions {
  readonly hostname: string;
  readonly port: number;
  /** Above it a body is refused without a word, and is read no further. */
  readonly maxBodyBytes: number;
  /** Limits below that one, told to the client in words. */
  readonly limitBody: LimitBody;
  readonly fetch: (request: Request) => Response | Promise<Response>;
  readonly tracker: RequestTracker;
  readonly log: Logger;
  /** The variables that an operator is told to change. */
  readonly variables?: ListenVariables;
}

interface ListenVariables {
  readonly host: string;
  readonly port: string;
}

const DAEMON_VARIABLES: ListenVariables = { host: "SERVER_HOST", port: "SERVER_PORT" };

export interface HttpServer {
  readonly hostname: string;
  readonly port: number;
  /** New connections are refused at once; open answers get `drainMs`, then are cut. Idempotent. */
  close(options: { readonly drainMs: number }): Promise<void>;
}

/** Listens. Throws a `DaemonError` that names the address when it is taken. */
export function startServer(options: ServerOptions): HttpServer {
  const { hostname, port, tracker, log } = options;
  let server: ReturnType<typeof Bun.serve>;
  try {
    server = Bun.serve({
      hostname,
      port,
      // A second daemon on the same port must fail, not steal half of the calls.
      reusePort: false,
      // A slow model may take minutes for its first token; limits in time are the session's.
      idleTimeout: 0,
      maxRequestBodySize: options.maxBodyBytes,
      development: false,
      fetch(given, bun) {
        const request = options.limitBody(withHost(given));
        return tracker.track(request, () => options.fetch(request), bun.requestIP(given)?.address);
      },
      error(cause) {
        log.error("Request failed", { error: cause });
        return new Response(null, { status: 500 });
      },
    });
  } catch (cause) {
    throw listenError({ hostname, port, cause, variables: options.variables ?? DAEMON_VARIABLES });
  }
  let closing: Promise<void> | undefined;

  async function close(drainMs: number): Promise<void> {
    const drained = server.stop(false);
    if (!(await settlesWithin(drained, drainMs))) {
      log.warn("Cutting answers that are still open", { open: tracker.active });
      await server.stop(true);
    }
  }

  return {
    hostname,
    port: server.port ?? port,
    close({ drainMs }) {
      closing ??= close(drainMs);
      return closing;
    },
  };
}

/**
 * A request without a host that can be used: those of HTTP/1.0 need none, and load balancers check health that way.
 * The server then gives a path in place of a URL, in which nobody finds a route.
 */
function withHost(request: Request): Request {
  const { url } = request;
  if (url.startsWith("/")) return new Request(`http://localhost${url}`, request);
  // The one kind of host that is let through and is none.
  if (!url.startsWith("http://[") || URL.canParse(url)) return request;
  return new Request(`http://localhost${url.slice(url.indexOf("/", "http://".length))}`, request);
}

function listenError(failed: {
  readonly hostname: string;
  readonly port: number;
  readonly cause: unknown;
  readonly variables: ListenVariables;
}): DaemonError {
  const { hostname, port, cause, variables } = failed;
  const code = errorCode(cause);
  const address = `${hostname}:${port}`;
  if (code === "EADDRINUSE")
    return new DaemonError("startup", `Cannot listen on "${address}": the port is taken`, {
      cause,
      hint: `Stop the program that uses it, or choose another with ${variables.port} (--port)`,
    });
  if (code === "EACCES")
    return new DaemonError("startup", `Cannot listen on "${address}": not permitted`, {
      cause,
      hint: "Ports below 1024 need root or CAP_NET_BIND_SERVICE",
    });
  const why = errorMessage(cause);
  return new DaemonError("startup", `Cannot listen on "${address}": ${why}`, {
    cause,
    hint: `Check ${variables.host} (--host): it must be an address of this machine`,
  });
}
