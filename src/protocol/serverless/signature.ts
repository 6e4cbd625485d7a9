import { createHmac, timingSafeEqual } from "node:crypto";

/** Headers of the article's runtime interface (contract/plain-protocol 6). The time is ours. */
export const SESSION_HEADER = "x-dify-plugin-session";
export const SIGNATURE_HEADER = "x-dify-plugin-signature";
export const TIMESTAMP_HEADER = "x-dify-plugin-timestamp";
/** Ours, beside the article's signature, which fits any session and any time. */
export const STAMP_HEADER = "x-dify-plugin-stamp";

/** An answer that was signed longer ago, or is from the future by as much, is a replay or a clock gone wrong. */
export const REPLAY_WINDOW_MS = 300_000;

/** Of a request: hex HMAC-SHA256 of the raw body. */
export function signBody(secret: string, body: string | Uint8Array): string {
  return createHmac("sha256", secret).update(body).digest("hex");
}

/**
 * Of an answer: the same over `<seconds since 1970>.<session id>.<raw body>`, so that it fits no other session and no
 * other time. A stream signs its head, with an empty body.
 */
export function signAnswer(secret: string, answer: SignedAnswer): string {
  const { timestamp, sessionId, body } = answer;
  return createHmac("sha256", secret).update(`${timestamp}.${sessionId}.`).update(body).digest("hex");
}

export interface SignedAnswer {
  readonly timestamp: string;
  readonly sessionId: string;
  readonly body: string | Uint8Array;
}

/** Of a request: as of an answer, and never the same as one. */
export function stampRequest(secret: string, { timestamp, sessionId, body }: SignedAnswer): string {
  return createHmac("sha256", secret).update(`request.${timestamp}.${sessionId}.`).update(body).digest("hex");
}

/** Why a stamp is not to be believed; undefined when it is. */
export function stampProblem(
  secret: string,
  { stamp, nowMs, windowMs, ...request }: SignedAnswer & StampCheck,
): string | undefined {
  if (!isSame(stamp.toLowerCase(), stampRequest(secret, request))) return "its stamp is missing or wrong";
  return isWithin(windowMs, { timestamp: request.timestamp, nowMs })
    ? undefined
    : "it was signed at another time; compare the clocks of both machines";
}

interface StampCheck {
  readonly stamp: string;
  readonly nowMs: number;
  readonly windowMs: number;
}

function isWithin(
  windowMs: number,
  { timestamp, nowMs }: { readonly timestamp: string; readonly nowMs: number },
): boolean {
  const seconds = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : Number.NaN;
  return Math.abs(nowMs - seconds * 1000) <= windowMs;
}

/** Why a signed answer is not to be believed; undefined when it is. The comparison takes the same time wherever it fails. */
export function answerProblem(
  secret: string,
  { signature, nowMs, ...answer }: SignedAnswer & { readonly signature: string; readonly nowMs: number },
): string | undefined {
  const isRight = isSame(signature.toLowerCase(), signAnswer(secret, answer));
  if (!isRight) return "its signature is wrong";
  return isWithin(REPLAY_WINDOW_MS, { timestamp: answer.timestamp, nowMs })
    ? undefined
    : "it was signed at another time";
}

/** Takes as long for any two texts; their lengths are no secret. */
export function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHmac("sha256", "compare").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** A secret of one function for one purpose, which the daemon can tell again at any time. */
export function deriveSecret(
  key: string,
  { purpose, identifier }: { readonly purpose: "callback" | "signature"; readonly identifier: string },
): string {
  return createHmac("sha256", key).update(`plugd ${purpose} ${identifier}`).digest("hex");
}
