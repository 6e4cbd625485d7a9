import { isRecord } from "../../lib/is-record.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { isSame, signBody, stampProblem } from "../../protocol/serverless/signature.ts";

/** A call that was let in; told how it went. */
export interface SignedCall {
  /** It was not executed: the same call may come again, as a retry. */
  forget(): void;
}

/** Checks `X-Dify-Plugin-Signature` (contract/plain-protocol 6). */
export interface CallSignatures {
  /**
   * Throws `unauthorized` where the signature is missing or wrong, for one whose stamp is wrong or of another time, and
   * for a call that was let in before within the window: same session, same body. Without a stamp, a call that is
   * recorded can be repeated after the window.
   */
  admit(call: {
    readonly secret: string;
    readonly signature: string | null;
    /** The time of it, signed with the session. */
    readonly stamp: { readonly timestamp: string; readonly stamp: string } | undefined;
    /** False for the calls of daemons that give none. */
    readonly needsStamp: boolean;
    readonly sessionId: string;
    readonly body: Uint8Array;
  }): SignedCall;
}

const REPEATABLE: ReadonlySet<unknown> = new Set(["invoke_text_embedding", "get_text_embedding_num_tokens"]);

/** Signed calls that are remembered at once; more within one window are refused with `overloaded`. */
const MAX_REMEMBERED = 200_000;

export function createCallSignatures(options: {
  readonly windowMs: number;
  readonly now: () => number;
}): CallSignatures {
  const { windowMs, now } = options;
  /** Until when, by call; in the order of that time. */
  const seen = new Map<string, number>();

  function forgetOld(): void {
    for (const [key, until] of seen) {
      if (until > now()) return;
      seen.delete(key);
    }
  }

  return {
    admit({ secret, signature, stamp, needsStamp, sessionId, body }) {
      const right = signBody(secret, body);
      if (signature === null || !isSame(signature.toLowerCase(), right))
        throw new DaemonError("unauthorized", "Cannot take the call: its signature is missing or wrong");
      const given = stamp ?? (needsStamp ? { timestamp: "", stamp: "" } : undefined);
      const problem = given && stampProblem(secret, { ...given, sessionId, body, windowMs, nowMs: now() });
      if (problem !== undefined) throw new DaemonError("unauthorized", `Cannot take the call: ${problem}`);
      forgetOld();
      const key = `${right} ${sessionId}`;
      if ((seen.get(key) ?? 0) > now()) {
        if (mayRepeat(body)) return { forget: () => undefined };
        throw new DaemonError(
          "unauthorized",
          "Cannot take the call: it was made before (same session, same body)",
        );
      }
      if (seen.size >= MAX_REMEMBERED)
        throw new DaemonError("overloaded", "Cannot take the call: too many signed calls are remembered");
      seen.delete(key);
      // A stamp may be ahead of this clock, and is good for as long after its own time.
      seen.set(key, now() + (given ? 2 : 1) * windowMs);
      return { forget: () => void seen.delete(key) };
    },
  };
}

/**
 * A large request for embeddings comes in batches of one session (contract/plugin-wire 3.6), and two of them may hold
 * the same texts. To answer one again changes nothing.
 */
function mayRepeat(body: Uint8Array): boolean {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(body));
  } catch {
    // Whatever it is, it is no batch.
    return false;
  }
  const data = isRecord(value) ? value["data"] : undefined;
  return isRecord(data) && REPEATABLE.has(data["action"]);
}
