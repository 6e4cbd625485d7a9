/**
 * A plugin that calls back to the platform in the SDK's dialect, well and badly. It imports nothing of the project,
 * because its text becomes `main.ts` of a package. What it does stands in the request's `tool_parameters`: `mode` names
 * a key of `MODES`. Run by Bun.
 */
import { writeSync } from "node:fs";

/** What can be asked of it, as `tool_parameters`. */
export interface CallingParameters {
  /** A key of `MODES`. */
  readonly mode: string;
  /** Of the call back. */
  readonly type?: string;
  readonly request?: object;
  /** So many more bytes in the request. */
  readonly bytes?: number;
  readonly n?: number;
  readonly data?: unknown;
  readonly after_ms?: number;
}

type Values = Readonly<Record<string, unknown>>;

interface Call {
  readonly sessionId: string;
  readonly parameters: Values;
  number(name: string, fallback: number): number;
  item(value: unknown): void;
  end(): void;
  /** Calls back; `heard` gets every event of the answer. In the name of another session, if one is given. */
  invoke(heard: (event: Values) => void, forged?: string): void;
}

const waiting = new Map<string, (event: Values) => void>();
/** Answers that nobody waits for. */
const stray: Values[] = [];
/** Set while this plugin does not read its stdin. */
let deaf: PromiseWithResolvers<void> | undefined;

const MODES: Readonly<Record<string, (call: Call) => void>> = {
  /** One call back; every event of the answer is an item. */
  call(call) {
    call.invoke((event) => {
      call.item(event);
      if (event["event"] === "end") call.end();
    });
  },

  /** `n` calls back at once; when all have ended, one item counts the events. */
  many(call) {
    const n = call.number("n", 100);
    const counts: Record<string, number> = {};
    for (let i = 0; i < n; i++)
      call.invoke(({ event }) => {
        counts[String(event)] = (counts[String(event)] ?? 0) + 1;
        if (counts["end"] !== n) return;
        call.item(counts);
        call.end();
      });
  },

  /** An `invoke` message with `data` as it is, and nothing more. */
  malformed(call) {
    print(session(call.sessionId, "invoke", call.parameters["data"]));
  },

  /** `n` calls back; from before them on nothing is read any more. */
  deaf(call) {
    deaf = Promise.withResolvers();
    for (let left = call.number("n", 1); left > 0; left--) call.invoke(() => undefined);
    call.item({ asked: true });
  },

  /** The call ends while its call back is open. */
  "end-early"(call) {
    call.invoke((event) => stray.push(event));
    call.end();
  },

  /** The call has ended before it calls back. */
  "end-before"(call) {
    call.end();
    call.invoke((event) => stray.push(event));
  },

  /** A call back, and the end of the process. */
  die(call) {
    call.invoke(() => undefined);
    setTimeout(() => process.exit(3), call.number("after_ms", 200));
  },

  /** Says which session it is, and stays open. */
  who(call) {
    call.item({ session_id: call.sessionId });
  },

  /** A call back in the name of the session `data`, and then one in its own, whose events are items. */
  forge(call) {
    call.invoke((event) => stray.push(event), String(call.parameters["data"]));
    MODES["call"]?.(call);
  },

  /** What came that nobody waited for. */
  stray(call) {
    call.item({ events: stray });
    call.end();
  },
};

function print(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;)
    try {
      at += writeSync(1, bytes, at);
    } catch (cause) {
      const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
      if (code !== "EAGAIN") process.exit(1);
      Bun.sleepSync(1);
    }
}

function session(sessionId: string, type: string, data: unknown): string {
  return `${JSON.stringify({ event: "session", session_id: sessionId, data: { type, data } })}\n\n`;
}

function isValues(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function makeCall(sessionId: string, parameters: Values): Call {
  return {
    sessionId,
    parameters,
    number(name, fallback) {
      const value = Number(parameters[name] ?? fallback);
      return Number.isFinite(value) ? value : fallback;
    },
    item: (value) =>
      print(session(sessionId, "stream", { type: "json", message: { json_object: value }, meta: null })),
    end: () => print(session(sessionId, "end", {})),
    invoke(heard, forged) {
      const id = crypto.randomUUID().replaceAll("-", "");
      waiting.set(id, heard);
      const request = isValues(parameters["request"]) ? parameters["request"] : {};
      const bytes = Number(parameters["bytes"] ?? 0);
      print(
        session(forged ?? sessionId, "invoke", {
          type: parameters["type"],
          backwards_request_id: id,
          request: bytes > 0 ? { ...request, ballast: "x".repeat(bytes) } : request,
        }),
      );
    },
  };
}

function serve(line: string): void {
  const incoming: unknown = JSON.parse(line);
  if (!isValues(incoming) || !isValues(incoming["data"])) return;
  const { data } = incoming;
  if (incoming["event"] === "backwards_response") {
    waiting.get(String(data["backwards_request_id"]))?.(data);
    return;
  }
  const given = data["tool_parameters"] ?? data["model_parameters"];
  const call = makeCall(String(incoming["session_id"]), isValues(given) ? given : {});
  MODES[String(call.parameters["mode"])]?.(call);
}

async function main(): Promise<void> {
  const beat = () => print('{"event":"heartbeat","session_id":null,"data":{}}\n\n');
  beat();
  setInterval(beat, 1000);
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of Bun.stdin.stream()) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") serve(line);
    await deaf?.promise;
  }
  process.exit(0);
}

await main();
