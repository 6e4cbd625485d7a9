import { Elysia } from "elysia";
import { passedOnTrace, type TraceOf } from "../../lib/traceparent.ts";
import { serializeHookRequest } from "../../protocol/hook-request.ts";
import type { HookCalls } from "../../service/hook-calls.ts";
import { hookAnswer } from "../hook-answer.ts";
import type { HookBodies } from "../hook-bodies.ts";
import { type Operation, type Operations, PUBLIC, failureAnswer } from "../openapi/operation.ts";

export interface HookRoutesDeps {
  readonly hooks: HookCalls;
  readonly bodies: HookBodies;
  /** What the calls are followed by; without it, what came with the request, or a new trace. */
  readonly traceOf?: TraceOf | undefined;
}

const PATH = "/e/:hook_id/*";
const METHODS = ["HEAD", "GET", "POST", "PUT", "DELETE", "OPTIONS"] as const;

/** What these routes tell about themselves. */
export const hookOperations = (): Operations =>
  Object.fromEntries(METHODS.map((method) => [`${method} ${PATH}`, operationOf(method)]));

/**
 * Webhook addresses of plugins (contract/http-api 3.8). They need no key: who knows the id of a hook may call it.
 */
export function hookRoutes(deps: HookRoutesDeps) {
  const app = new Elysia({ name: "hooks" });
  for (const method of METHODS)
    app.route(method, PATH, ({ request }) => callHook(deps, request), { parse: "none" });
  return app;
}

async function callHook(
  { hooks, bodies, traceOf = passedOnTrace }: HookRoutesDeps,
  request: Request,
): Promise<Response> {
  const { method, signal } = request;
  const { hookId, path, query } = addressOf(request.url);
  // Before the body is read: strangers with any number of bytes get no further.
  const target = await hooks.find(hookId);
  const call = await bodies.use(request, (body) => {
    const headers = new Map(request.headers);
    const message = serializeHookRequest({ method, path, query, headers, hookId, body });
    return hooks.open(target, message, { signal, ...traceOf(request) });
  });
  return hookAnswer(call, method);
}

/** The path with its escapes, which the parameters of the framework have no more. */
function addressOf(url: string): { readonly hookId: string; readonly path: string; readonly query: string } {
  const { pathname, search } = new URL(url);
  const [, , hookId = ""] = pathname.split("/", 3);
  return { hookId, path: pathname.slice(`/e/${hookId}`.length), query: search.slice(1) };
}

function operationOf(method: (typeof METHODS)[number]): Operation {
  return {
    operationId: `callHook${method.charAt(0)}${method.slice(1).toLowerCase()}`,
    summary: `Call an endpoint of a plugin with ${method}`,
    description:
      "Path, query, headers and body go to the plugin, whose status, headers and body come back as it writes them. Bodies are limited to 10 MiB",
    tags: ["Hooks"],
    ...PUBLIC,
    responses: {
      default: { description: "What the plugin answers" },
      "404": failureAnswer("There is no such hook, it is disabled, or its plugin is gone"),
      "413": failureAnswer("The body is too large"),
      "500": failureAnswer("The plugin failed before it answered"),
      "503": failureAnswer("Too many bodies are being read; try again"),
    },
  };
}
