/** The routes that the command line calls, as the contract describes them (http-api 2, 3.4, 4.3), without a daemon. */

export interface StandInOptions {
  readonly key?: string;
  /** Answers of `GET …/install/tasks/:id`, one a call; the last one stays. `gone` is a task that was removed. */
  readonly taskSteps?: readonly (TaskStep | "gone")[];
  /** Installed before anything happens. */
  readonly installed?: readonly unknown[];
  /** Answer of the upload. */
  readonly upload?: unknown;
  readonly allInstalled?: boolean;
  /** Answers a dispatch. */
  readonly dispatch?: (request: Request) => Response | Promise<Response>;
}

export interface TaskStep {
  readonly status: string;
  readonly message: string;
}

export interface StandIn extends AsyncDisposable {
  readonly url: string;
  /** `METHOD /path?query` of every request, in order. */
  readonly calls: readonly string[];
  /** JSON bodies and form fields, by path. */
  readonly bodies: ReadonlyMap<string, unknown>;
  /** Headers of the last request. */
  readonly headers: Headers;
}

export const IDENTIFIER = `acme/hello:1.0.0@${"a".repeat(64)}`;
export const TENANT = "00000000-0000-0000-0000-000000000000";

export function installation(changed: Readonly<Record<string, unknown>> = {}): unknown {
  return {
    id: "installation-1",
    plugin_id: "acme/hello",
    plugin_unique_identifier: IDENTIFIER,
    version: "1.0.0",
    runtime_type: "local",
    declaration: {
      tool: {
        identity: { name: "hello" },
        tools: [
          {
            identity: { name: "greet" },
            parameters: [{ name: "name", type: "string", required: true, default: null }],
            has_runtime_parameters: false,
          },
        ],
      },
    },
    ...changed,
  };
}

export const success = (data: unknown) => ({ code: 0, message: "success", data });

export function failure(code: number, type: string, message: string): unknown {
  return { code, message: JSON.stringify({ message, error_type: type, args: null }), data: null };
}

export const sse = (...items: unknown[]) => items.map((item) => `data: ${JSON.stringify(item)}\n\n`).join("");

export function standInDaemon(options: StandInOptions = {}): StandIn {
  const calls: string[] = [];
  const bodies = new Map<string, unknown>();
  let headers = new Headers();
  let looks = 0;
  const management = `/plugin/${TENANT}/management`;
  const installed = options.installed ?? [installation()];

  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      calls.push(`${request.method} ${pathname}${search}`);
      headers = request.headers;
      if (options.key !== undefined && request.headers.get("x-api-key") !== options.key)
        return Response.json(failure(-401, "PluginDaemonUnauthorizedError", "unauthorized"), { status: 401 });
      if (request.headers.get("content-type") === "application/json")
        bodies.set(pathname, await request.clone().json());
      switch (`${request.method} ${pathname}`) {
        case `POST ${management}/install/upload/package`:
          bodies.set(pathname, Object.fromEntries(await request.formData()));
          return Response.json(
            options.upload ?? success({ unique_identifier: IDENTIFIER, manifest: {}, verification: null }),
          );
        case `POST ${management}/install/identifiers`:
          return Response.json(
            success({
              all_installed: options.allInstalled ?? false,
              task_id: options.allInstalled ? "" : "t1",
            }),
          );
        case `POST ${management}/install/upgrade`:
          return Response.json(success({ all_installed: false, task_id: "t1" }));
        case `GET ${management}/install/tasks/t1`: {
          const steps = options.taskSteps ?? [{ status: "success", message: "installed" }];
          const step = steps[Math.min(looks, steps.length - 1)] ?? "gone";
          looks += 1;
          if (step === "gone")
            return Response.json(failure(-500, "PluginDaemonInternalServerError", "record not found"));
          return Response.json(success(task(step)));
        }
        case `GET ${management}/install/tasks`:
          return Response.json(
            success((options.taskSteps ?? []).flatMap((s) => (s === "gone" ? [] : [task(s)]))),
          );
        case `GET ${management}/fetch/identifier`:
          return Response.json(success(installed.length > 0));
        case `GET ${management}/list`: {
          const page = Number(new URL(request.url).searchParams.get("page"));
          return Response.json(
            success({ list: installed.slice((page - 1) * 256, page * 256), total: installed.length }),
          );
        }
        case `POST ${management}/installation/fetch/batch`:
          return Response.json(success(installed));
        case `POST ${management}/uninstall`:
          return Response.json(success(true));
        case `POST /plugin/${TENANT}/dispatch/tool/invoke`:
          return options.dispatch ? await options.dispatch(request) : new Response("");
        default:
          return Response.json({ code: "not_found", message: "route not found" }, { status: 404 });
      }
    },
  });

  return {
    url: `http://127.0.0.1:${server.port}`,
    calls,
    bodies,
    get headers() {
      return headers;
    },
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

function task({ status, message }: TaskStep): unknown {
  return {
    id: "t1",
    status,
    created_at: new Date().toISOString(),
    plugins: [{ plugin_unique_identifier: IDENTIFIER, plugin_id: "acme/hello", status, message }],
  };
}
