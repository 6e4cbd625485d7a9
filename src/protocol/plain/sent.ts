import type { AnswerItems } from "./answer-items.ts";
import type { Spelling } from "./call-back.ts";

/** A request that the plugin has not answered to its end. */
export interface OpenRequest {
  readonly kind: "request";
  readonly sessionId: string;
  readonly requestId: string;
  readonly appId: string | null;
  readonly items: AnswerItems;
  /** Its stream has begun, by a line with its ids. */
  streamsById: boolean;
  /** Nobody waits for it. Its answer is still to come, and belongs to no other request. */
  abandoned: boolean;
  /** Calls back that are not answered to their end, by the ids that the plugin chose. */
  readonly calls: Map<string, Spelling>;
}

/** Lines that a plugin answers with a line of its own. */
type Sent =
  | OpenRequest
  /** A plugin that knows no cancel answers it with an error; see `SentMessages`. */
  | { readonly kind: "cancel" }
  | { readonly kind: "heartbeat" };

/** Beyond these a plugin owes answers that it will hardly give. */
const MAX_ABANDONED = 1024;
const MAX_SIGNS = 64;

/**
 * What was sent to a plugin and is not answered, in order.
 *
 * Answers without ids are told apart by this order: a plugin that does one thing at a time answers in the order in which
 * it was asked. Three things keep the order true:
 * - What nobody waits for stays in it, as its answer will still come.
 * - The article's sample answers a message that it does not know, so also a `cancel`, with an error without ids.
 * - A heartbeat behind a cancel tells when it was read: what was cancelled and not answered by then, never will be.
 */
export interface SentMessages {
  request(request: Omit<OpenRequest, "kind" | "streamsById" | "abandoned" | "calls">): OpenRequest;
  /** Undefined where it has ended already. */
  cancel(sessionId: string): OpenRequest | undefined;
  heartbeat(): void;
  acknowledged(): void;
  find(ids: { readonly sessionId: unknown; readonly requestId: unknown }): OpenRequest | undefined;
  /** Its stream has begun. */
  begin(request: OpenRequest): void;
  /** Whose streams have begun, abandoned ones among them. */
  readonly streams: ReadonlySet<OpenRequest>;
  /** It was answered to its end. */
  finish(request: OpenRequest): void;
  /** It has never reached the plugin. */
  forget(request: OpenRequest): void;
  /** Its caller has got an error of ours; the rest of its answer goes nowhere. */
  abandon(request: OpenRequest): void;
  /** Those that are open, abandoned ones among them. */
  readonly open: readonly OpenRequest[];
  /** Whose turn it is to be answered; undefined where that cannot be told, or is nobody's. */
  next(): OpenRequest | undefined;
  /** Whether it is a cancel's turn: an error is the answer of a plugin that does not know one. Takes it off. */
  takeCancel(): boolean;
}

export function createSentMessages({ beats }: { readonly beats: boolean }): SentMessages {
  /** Every one is a key of its own. */
  const sent = new Set<Sent>();
  const byRequest = new Map<string, OpenRequest>();
  const bySession = new Map<string, OpenRequest>();
  const streams = new Set<OpenRequest>();
  /** It has answered out of order, so the order says nothing. */
  let concurrent = false;

  function remove(entry: Sent): void {
    sent.delete(entry);
    if (entry.kind !== "request") return;
    byRequest.delete(entry.requestId);
    bySession.delete(entry.sessionId);
    streams.delete(entry);
  }

  function requests(): OpenRequest[] {
    return [...byRequest.values()];
  }

  function abandon(request: OpenRequest): void {
    request.abandoned = true;
    const abandoned = requests().filter((other) => other.abandoned);
    const [oldest] = abandoned;
    if (oldest && abandoned.length > MAX_ABANDONED) remove(oldest);
  }

  function addSign(sign: Sent): void {
    sent.add(sign);
    const signs = [...sent].filter(({ kind }) => kind !== "request");
    const [oldest] = signs;
    if (oldest && signs.length > MAX_SIGNS) sent.delete(oldest);
  }

  return {
    request(request) {
      const entry: OpenRequest = {
        ...request,
        kind: "request",
        streamsById: false,
        abandoned: false,
        calls: new Map(),
      };
      sent.add(entry);
      byRequest.set(entry.requestId, entry);
      bySession.set(entry.sessionId, entry);
      return entry;
    },
    cancel(sessionId) {
      const request = bySession.get(sessionId);
      if (!request || request.abandoned) return undefined;
      abandon(request);
      // Without heartbeats nobody would ever learn that it was read.
      if (beats) addSign({ kind: "cancel" });
      return request;
    },
    heartbeat: () => addSign({ kind: "heartbeat" }),
    acknowledged() {
      const before: Sent[] = [];
      for (const entry of sent) {
        if (entry.kind === "heartbeat") {
          sent.delete(entry);
          // Requests that were cancelled behind it may still be answered: their cancel stands behind it, too.
          if (before.some(({ kind }) => kind === "cancel"))
            for (const earlier of before)
              if (earlier.kind === "cancel" || (earlier.kind === "request" && earlier.abandoned))
                remove(earlier);
          return;
        }
        before.push(entry);
      }
    },
    find({ sessionId, requestId }) {
      if (requestId !== undefined && requestId !== null)
        return typeof requestId === "string" ? byRequest.get(requestId) : undefined;
      return typeof sessionId === "string" ? bySession.get(sessionId) : undefined;
    },
    streams,
    begin(request) {
      if (!streams.has(request)) streams.add(request);
    },
    finish(request) {
      for (const entry of sent) {
        if (entry === request) break;
        if (entry.kind === "request" && !entry.abandoned) concurrent = true;
      }
      remove(request);
    },
    forget: remove,
    abandon,
    get open() {
      return requests();
    },
    next() {
      const [first, second] = byRequest.values();
      return concurrent && second ? undefined : first;
    },
    takeCancel() {
      for (const entry of sent) {
        if (entry.kind === "request" && !concurrent) return false;
        if (entry.kind !== "cancel") continue;
        sent.delete(entry);
        return true;
      }
      return false;
    },
  };
}
