import { encodeFrame } from "../../../dify/frames.ts";
import type { Answer } from "./answers.ts";
import type { Fault } from "./faults.ts";

/** What a body is made of: bytes, a pause, a silence that only the other side ends, or the end of the connection. */
export type Piece =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "pause"; readonly ms: number }
  | { readonly kind: "silence" }
  | { readonly kind: "reset" };

/** A response that is still to be sent. */
export interface Plan {
  /** Before the head; `Infinity`: there will be none. */
  readonly delayMs: number;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Iterable<Piece>;
}

const JSON_TYPE = { "content-type": "application/json" };
/** What Dify says, though the body is made of frames. */
const STREAM_TYPE = { "content-type": "text/event-stream" };
const RESET_MS = 20;
const encoder = new TextEncoder();

/** How an answer leaves, without or with a fault. Pure; the body is made as it is taken. */
export function planResponse(answer: Answer, fault: Fault | undefined): Plan {
  const good: Plan = { delayMs: 0, status: 200, ...bodyOf(answer) };
  if (!fault) return good;
  const withBody = (pieces: Iterable<Piece>): Plan => ({ ...good, body: pieces });
  switch (fault.name) {
    case "slow":
      return { ...good, delayMs: fault.number };
    case "mute":
      return { ...good, delayMs: Infinity };
    case "silence":
      return withBody([{ kind: "silence" }]);
    case "status":
      return errorPlan(statusOf(fault.number), "invalid_param", "told to fail");
    case "html":
      return {
        delayMs: 0,
        status: 502,
        headers: { "content-type": "text/html" },
        body: [bytes("<html><body>502 Bad Gateway</body></html>")],
      };
    case "redirect":
      return { delayMs: 0, status: 302, headers: { location: "/elsewhere" }, body: [] };
    case "error":
      return { ...good, ...bodyOf({ kind: "error", message: "told to fail" }, answer.kind) };
    case "garbage":
      return withBody([bytes("neither JSON nor frames")]);
    case "empty":
      return withBody([]);
    case "big":
      return withBody([pack(answer.kind, { data: { filling: "x".repeat(fault.number) }, error: "" })]);
    case "nil":
      return withBody([pack(answer.kind, { data: null, error: "" })]);
    case "wrong":
      return withBody([pack(answer.kind, { data: { surprise: true }, error: "" })]);
    case "cut":
    case "reset": {
      const [first] = itemsOf(answer).map((data) => pack(answer.kind, { data, error: "" }));
      const half = first ? [first, { ...first, bytes: first.bytes.subarray(0, first.bytes.length / 2) }] : [];
      const broken = answer.kind === "stream" ? half : half.slice(1);
      // What was sent before arrives, as it would from a machine that goes down later.
      return withBody(
        fault.name === "cut" ? broken : [...broken, { kind: "pause", ms: RESET_MS }, { kind: "reset" }],
      );
    }
    default:
      return answer.kind === "stream" ? withBody(streamFault(answer.items, fault)) : good;
  }
}

/** Dify's errors (contract/backwards-invocation 2.1). */
export function errorPlan(status: number, code: string, message: string): Plan {
  return { delayMs: 0, status, headers: JSON_TYPE, body: [bytes(JSON.stringify({ code, message, status }))] };
}

/** Faults that only a stream can have. */
function* streamFault(items: readonly unknown[], { name, number }: Fault): Generator<Piece> {
  const frames = items.map((data) => pack("stream", { data, error: "" }));
  const [first] = frames;
  if (!first) return;
  switch (name) {
    case "late":
      yield first;
      yield pack("stream", { data: null, error: "told to fail later" });
      return;
    case "skip":
      yield first;
      yield { kind: "bytes", bytes: encodeFrame("no JSON") };
      yield* frames.slice(1);
      return;
    case "magic":
      yield first;
      yield spoiled(first.bytes, (view) => view.setUint8(0, 0x7b));
      return;
    case "header":
      yield first;
      yield spoiled(first.bytes, (view) => view.setUint16(2, 12, true));
      return;
    case "lie":
      yield first;
      yield spoiled(first.bytes, (view) => view.setUint32(4, view.getUint32(4, true) - 5, true));
      return;
    case "split":
      for (const frame of frames)
        for (let at = 0; at < frame.bytes.length; at += number || 1) {
          yield { kind: "bytes", bytes: frame.bytes.subarray(at, at + (number || 1)) };
          // Whoever reads gets every piece on its own.
          yield { kind: "pause", ms: 0 };
        }
      return;
    case "drip":
      for (const frame of frames) {
        yield { kind: "pause", ms: number };
        yield frame;
      }
      return;
    case "burst":
      for (let at = 0; at < number; at++) yield first;
      return;
    case "endless":
      for (;;) yield first;
    default:
      yield* frames;
  }
}

function bodyOf(answer: Answer, kind = answer.kind): Pick<Plan, "headers" | "body"> {
  const replies =
    answer.kind === "error"
      ? [{ data: null, error: answer.message }]
      : itemsOf(answer).map((data) => ({ data, error: "" }));
  return {
    headers: kind === "stream" ? STREAM_TYPE : JSON_TYPE,
    body: replies.map((reply) => pack(kind, reply)),
  };
}

function itemsOf(answer: Answer): readonly unknown[] {
  if (answer.kind === "error") return [];
  return answer.kind === "one" ? [answer.data] : answer.items;
}

function pack(kind: Answer["kind"], reply: { readonly data: unknown; readonly error: string }) {
  const json = JSON.stringify(reply);
  return { kind: "bytes" as const, bytes: kind === "stream" ? encodeFrame(json) : encoder.encode(json) };
}

function bytes(text: string): Piece {
  return { kind: "bytes", bytes: encoder.encode(text) };
}

function spoiled(frame: Uint8Array, change: (view: DataView) => void): Piece {
  const copy = Uint8Array.from(frame);
  change(new DataView(copy.buffer));
  return { kind: "bytes", bytes: copy };
}

/** A response may have these. */
function statusOf(number: number): number {
  return number >= 200 && number <= 599 ? number : 400;
}
