import { MalformedCallError, readBackwardsRequest } from "../protocol/backwards/envelope.ts";
import type { Codec } from "../protocol/messages.ts";
import { isSame } from "../protocol/serverless/signature.ts";
import {
  readTransaction,
  sessionNotFound,
  TransactionError,
  transactionFrame,
} from "../protocol/serverless/transaction.ts";
import type { OpenCall } from "../runtime/serverless/serverless-runtime.ts";

/** Where the answer of one call back goes. */
export interface TransactionAnswer {
  /** Resolves when the function's side has taken it; rejects when that is gone. */
  send(frame: string): Promise<void>;
  /** The function has left, or the time is over. */
  readonly signal: AbortSignal;
  /** Nothing more comes. */
  close(): void;
}

/** Undefined: it goes on, and its answer gets everything. */
export type Refusal = { readonly status: 400 | 500; readonly body: string } | undefined;

/**
 * Calls back of functions, which come over HTTP while the session that they belong to is open (contract/plugin-wire 3.5).
 */
export interface Transactions {
  /**
   * `secret` is what stood in the path: it names the function, and the id in the body its session. Undefined: the
   * reference's bare form, where the id is all. What a session may do is decided as for every other call back.
   */
  begin(
    body: string,
    by: { readonly secret: string | undefined; readonly answer: TransactionAnswer },
  ): Refusal;
}

export interface TransactionsDeps {
  openCall(sessionId: string): OpenCall | undefined;
  callbackSecret(identifier: string): string;
  readonly codec: Codec;
}

export function createTransactions(deps: TransactionsDeps): Transactions {
  /** As long as a real one, so that a session that is not known takes as long as a wrong secret. */
  const nobody = deps.callbackSecret("nobody");

  function findCall(sessionId: string, secret: string | undefined): OpenCall | undefined {
    const call = deps.openCall(sessionId);
    if (secret === undefined) return call;
    const expected = call ? deps.callbackSecret(call.identifier) : nobody;
    return isSame(secret, expected) ? call : undefined;
  }

  return {
    begin(body, { secret, answer }) {
      try {
        const transaction = readTransaction(body);
        const { sessionId, request, raw } = transaction;
        const call = findCall(sessionId, secret);
        if (!call) return { status: 400, body: sessionNotFound(transaction) };
        readBackwardsRequest(request);
        const channel = {
          signal: answer.signal,
          close: () => answer.close(),
          send: (message: Parameters<Codec["encode"]>[0]) =>
            answer.send(transactionFrame(deps.codec.encode(message) ?? "")),
        };
        // It may have ended since it was found.
        if (call.sessions.callBack(sessionId, { request, raw, channel })) return undefined;
        return { status: 400, body: sessionNotFound(transaction) };
      } catch (cause) {
        if (cause instanceof TransactionError) return { status: 400, body: cause.message };
        if (cause instanceof MalformedCallError) return { status: 500, body: "failed to parse request" };
        throw cause;
      }
    },
  };
}
