import type { CallBackTrace, CallEvent, CallObserver, CallTrace } from "./call-trace.ts";
import type { LiveEvents } from "./live-events.ts";

const EVENT_BYTES = 600;
const CALL_BACK_BYTES = 150;
/** Calls back of one call that its last event tells in full; every one has an event of its own. */
const SHOWN_CALLS_BACK = 50;

/** Makes calls visible to those who watch their plugin: when they begin, what they call back, how they ended. */
export function tellCalls(events: Pick<LiveEvents, "publish">): CallObserver {
  return ({ kind, ...event }: CallEvent) => {
    const { call } = event;
    const of = { pluginId: call.pluginId, tenantId: call.tenantId, type: kind };
    switch (kind) {
      case "call_began":
        events.publish({ ...of, data: began(call), bytes: EVENT_BYTES });
        return;
      case "call_ended": {
        const data = ended(call);
        const shown = Math.min(call.callsBack.detailed.length, SHOWN_CALLS_BACK);
        events.publish({ ...of, data, bytes: EVENT_BYTES + shown * CALL_BACK_BYTES });
        return;
      }
      case "call_back_ended":
        if ("callBack" in event)
          events.publish({
            ...of,
            data: { session_id: call.sessionId, ...callBack(event.callBack) },
            bytes: EVENT_BYTES,
          });
        return;
      case "call_sent":
      case "first_item":
      case "call_back_began":
        // Their times stand in the events of the ends.
        return;
    }
  };
}

function began(call: CallTrace): Readonly<Record<string, unknown>> {
  return {
    session_id: call.sessionId,
    identifier: call.identifier,
    runtime_type: call.runtimeType,
    call: call.type,
    action: call.action,
    request_bytes: call.requestBytes,
  };
}

/** Times in milliseconds since the call began. */
function ended(call: CallTrace): Readonly<Record<string, unknown>> {
  const { callsBack } = call;
  return {
    ...began(call),
    began_at: new Date(call.beganAt).toISOString(),
    sent_ms: rounded(call.sentMs),
    first_item_ms: rounded(call.firstItemMs),
    end_ms: rounded(call.endMs),
    items: call.delivered.items,
    response_bytes: call.delivered.bytes,
    outcome: call.outcome ?? null,
    error_type: call.errorType ?? null,
    calls_back: {
      total: callsBack.total,
      failed: callsBack.failed,
      first: callsBack.detailed.slice(0, SHOWN_CALLS_BACK).map(callBack),
    },
  };
}

function callBack(trace: CallBackTrace): Readonly<Record<string, unknown>> {
  return {
    type: trace.type,
    began_ms: rounded(trace.beganMs),
    first_byte_ms: rounded(trace.firstByteMs),
    end_ms: rounded(trace.endMs),
    request_bytes: trace.requestBytes,
    response_bytes: trace.responseBytes,
    outcome: trace.outcome ?? null,
  };
}

function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 100) / 100;
}
