import { Elysia } from "elysia";
import type { Profiler } from "../../service/profiler.ts";
import { optionalQueryInteger } from "../field-checks.ts";
import { describeFields } from "../openapi/describe-fields.ts";
import { type Operations, failureAnswer } from "../openapi/operation.ts";
import { decodeFields } from "../request-fields.ts";

export interface PprofRoutesDeps {
  readonly profiler: Profiler;
  /** The command line of this process. */
  readonly argv: readonly string[];
}

const PREFIX = "/debug/pprof";
const MAX_SECONDS = 600;
const lasting = (fallback: number) => ({
  seconds: optionalQueryInteger("seconds", { max: MAX_SECONDS, fallback }),
});
const PROFILE = lasting(30);
const TRACE = lasting(1);

const PAGES = {
  "": "What there is",
  "/cmdline": "The command line of the daemon, its parts separated by NUL",
  "/profile": "Where time goes: a CPU profile for browsers' developer tools",
  "/symbol": "Nothing: functions have their names in profiles",
  "/trace": "As profile, by default for one second",
  "/goroutine": "Objects that wait or are waited for, by kind",
  "/heap": "Everything in memory, secrets included: a heap snapshot for browsers' developer tools",
  "/allocs": "All objects, by kind",
  "/block": "Nothing: one thread runs the daemon, and never blocks",
  "/mutex": "Nothing: one thread runs the daemon, without locks",
  "/threadcreate": "The threads of the process",
} as const;
type Page = keyof typeof PAGES;

const WAITING =
  /^(Promise|Async|Generator|Timeout|Immediate|Subprocess|Socket|.*Server|Request|Response|ReadableStream)/;

/** What these routes tell about themselves. */
export const pprofOperations = (): Operations =>
  Object.fromEntries(
    Object.entries(PAGES).map(([page, summary]) => [
      `GET ${PREFIX}${page === "" ? "/" : page}`,
      {
        operationId: `pprof${page.slice(1, 2).toUpperCase()}${page.slice(2)}`,
        summary,
        tags: ["System"],
        ...(takesTime(page) ? describeFields(PROFILE) : {}),
        responses: {
          "200": { description: "What was asked for", content: { "*/*": { schema: { type: "string" } } } },
          ...(takesTime(page) ? { "400": failureAnswer("Fields are wrong") } : {}),
        },
      },
    ]),
  );

/** The routes of Go's profiler, with what this engine can tell in its place (contract/http-api 3.1). */
export function pprofRoutes({ profiler, argv }: PprofRoutesDeps) {
  const pages: Readonly<Record<Page, (request: Request) => Response | Promise<Response>>> = {
    "": () => text(Object.entries(PAGES).map(([page, what]) => `${PREFIX}${page || "/"}\t${what}`)),
    "/cmdline": () => new Response(argv.join("\0"), { headers: { "content-type": "text/plain" } }),
    "/profile": (request) => profile(request, PROFILE),
    "/symbol": () => text(["num_symbols: 0"]),
    "/trace": (request) => profile(request, TRACE),
    "/goroutine": () => text(counts((kind) => WAITING.test(kind))),
    "/heap": () => download(profiler.heap(), "plugd.heapsnapshot"),
    "/allocs": () => text(counts(() => true)),
    "/block": () => text([PAGES["/block"]]),
    "/mutex": () => text([PAGES["/mutex"]]),
    "/threadcreate": async () => text(await profiler.threads()),
  };

  async function profile(request: Request, fields: typeof PROFILE): Promise<Response> {
    const { seconds } = await decodeFields(request, fields);
    const taken = await profiler.cpu({ seconds, signal: request.signal });
    return download(taken, "plugd.cpuprofile");
  }

  function counts(wanted: (kind: string) => boolean): readonly string[] {
    return Object.entries(profiler.counts())
      .filter(([kind]) => wanted(kind))
      .toSorted(([, a], [, b]) => b - a)
      .map(([kind, count]) => `${count}\t${kind}`);
  }

  const app = new Elysia({ name: "pprof", prefix: PREFIX });
  for (const [page, answer] of Object.entries(pages))
    app.get(page === "" ? "/" : page, ({ request }) => answer(request));
  return app;
}

function takesTime(page: string): boolean {
  return page === "/profile" || page === "/trace";
}

function text(lines: readonly string[]): Response {
  return new Response(`${lines.join("\n")}\n`, { headers: { "content-type": "text/plain; charset=utf-8" } });
}

function download(body: string | ReadableStream<Uint8Array>, name: string): Response {
  return new Response(body, {
    headers: { "content-type": "application/json", "content-disposition": `attachment; filename="${name}"` },
  });
}
