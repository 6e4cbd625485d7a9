import { Elysia } from "elysia";
import type { LiveEvents } from "../../service/live-events.ts";
import { optionalQueryText, queryOneOf, queryText } from "../field-checks.ts";
import { describeFields } from "../openapi/describe-fields.ts";
import { failureAnswer, type Operations } from "../openapi/operation.ts";
import { decodeFields } from "../request-fields.ts";
import { createWatchStreams } from "../watch-stream.ts";

export interface DebuggingEventRoutesDeps {
  readonly events: LiveEvents;
  /** Aborted when the daemon leaves: streams that nothing ends by itself must not hold it up. */
  readonly leaving: AbortSignal;
  /** Of this daemon, in the ids of events. */
  readonly run: string;
}

const PREFIX = "/plugin/:tenant_id/debugging";
const KEEP_ALIVE_MS = 20_000;

const EVENTS = {
  pluginId: queryText("plugin_id"),
  from: queryOneOf("from", ["now", "start"]),
  follow: queryOneOf("follow", ["true", "false"]),
  lastEventId: optionalQueryText("last_event_id", { maxChars: 100 }),
};

/** What these routes tell about themselves. */
export const debuggingEventOperations = (): Operations => ({
  [`GET ${PREFIX}/events`]: {
    operationId: "watchPlugin",
    summary: "What happens to a plugin, as it happens",
    description:
      "Server-sent events `log`, `stderr`, `output`, `lifecycle`, `call_began`, `call_back_ended`, `call_ended`, `breakpoint`, `continue`, `reload` and others, with JSON as their data. `Last-Event-ID` (or `last_event_id`) goes on where a stream broke off, as far as events are kept; `missed` says how many are gone",
    tags: ["Debugging"],
    ...describeFields(EVENTS),
    responses: {
      "200": {
        description: "Events, without an end unless `follow` is false",
        content: { "text/event-stream": { schema: { type: "string" } } },
      },
      "400": failureAnswer("Fields are missing or wrong"),
    },
  },
});

/** Plugins watched live. Routes of our own; the reference has nothing like them. */
export function debuggingEventRoutes({ events, leaving, run }: DebuggingEventRoutesDeps) {
  const stream = createWatchStreams({ run, keepAliveMs: KEEP_ALIVE_MS });
  return new Elysia({ name: "debugging-events", prefix: PREFIX }).get(
    "/events",
    async ({ params, request }) => {
      const { pluginId, from, follow, lastEventId } = await decodeFields(request, EVENTS);
      const known = request.headers.get("last-event-id") ?? lastEventId;
      return stream({
        watch: events.watch({
          pluginId,
          tenantId: params.tenant_id,
          after: known === "" ? from : lastNumber(known, run),
        }),
        follow: follow === "true",
        signal: AbortSignal.any([request.signal, leaving]),
      });
    },
  );
}

/** Of the events of an earlier daemon nothing is known: everything that is kept came after them. */
function lastNumber(id: string, run: string): number | "start" {
  const [of, number] = id.split("-");
  return of === run && number !== undefined && /^\d{1,15}$/.test(number) ? Number(number) : "start";
}
