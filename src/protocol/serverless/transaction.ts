import { isRecord } from "../../lib/is-record.ts";
import { findNesting, rawMember } from "../../lib/json-scan.ts";
import { toOneLine } from "../actions/one-line.ts";

/** A call back as a function sends it (contract/plugin-wire 3.5), taken apart. */
export interface Transaction {
  readonly sessionId: string;
  /** Of the call back itself, unchecked; `raw` is its JSON text. */
  readonly request: unknown;
  readonly raw: string;
}

/** The body is no call back; the text says why. */
export class TransactionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TransactionError";
  }
}

/** Bytes of a body that are read (contract/plugin-wire 3.5). */
export const MAX_TRANSACTION_BYTES = 6 * 1024 * 1024;
/** Between two frames, so that nobody on the way takes the answer for dead. */
export const KEEP_ALIVE_MS = 25_000;
/** No request of the platform nests nearly as deep. */
const MAX_DEPTH = 1000;
/** An empty frame. */
export const KEEP_ALIVE = "\n\n";

/** Throws `TransactionError`. */
export function readTransaction(body: string): Transaction {
  const text = body.trim();
  // Anybody may send it: six megabytes of brackets would hold up the others for seconds.
  if (findNesting(text, MAX_DEPTH))
    throw new TransactionError("Cannot read the call back: it nests too deep");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new TransactionError("Cannot read the call back: the body is no JSON");
  }
  if (!isRecord(value) || value["event"] !== "session")
    throw new TransactionError('Cannot read the call back: it is no event "session"');
  const { session_id: sessionId, data } = value;
  if (typeof sessionId !== "string" || sessionId === "")
    throw new TransactionError("Cannot read the call back: it names no session_id");
  // The type within is not looked at: there is only one that a function can send.
  if (!isRecord(data) || !("type" in data) || !("data" in data))
    throw new TransactionError("Cannot read the call back: its session message needs a type and data");
  const request = data["data"];
  return { sessionId, request, raw: rawMember(text, ["data", "data"]) ?? JSON.stringify(request) };
}

/** One event of the answer: the message on what is one line for every reader, the SDK's too, and a blank line. */
export function transactionFrame(line: string): string {
  return `${toOneLine(line.trimEnd())}\n\n`;
}

/** What a function reads when its session is not known, has ended, or is not its own. */
export function sessionNotFound(transaction: Pick<Transaction, "sessionId" | "request">): string {
  const { sessionId, request } = transaction;
  const id = isRecord(request) ? request["backwards_request_id"] : undefined;
  return JSON.stringify({
    backwards_request_id: typeof id === "string" ? id : "",
    event: "error",
    message: "failed to get session info from cache",
    data: { error_type: "SessionNotFound", detail: "session not found", session_id: sessionId },
  });
}
