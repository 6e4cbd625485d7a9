import {
  SESSION_HEADER,
  signBody,
  SIGNATURE_HEADER,
  STAMP_HEADER,
  stampRequest,
  TIMESTAMP_HEADER,
} from "../../protocol/serverless/signature.ts";
import type { FunctionTarget } from "./function-target.ts";

/** What every request to a function carries (contract/plain-protocol 6, contract/plugin-wire 3.2). */
export function requestHeaders(
  { signatureSecret, traceparent }: Pick<FunctionTarget, "signatureSecret" | "traceparent">,
  { sessionId, body }: { readonly sessionId: string; readonly body: string },
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(Date.now() / 1000));
  return {
    "content-type": "application/json",
    [SESSION_HEADER]: sessionId,
    ...(traceparent !== undefined && { traceparent }),
    ...(signatureSecret !== undefined && {
      [SIGNATURE_HEADER]: signBody(signatureSecret, body),
      [TIMESTAMP_HEADER]: timestamp,
      [STAMP_HEADER]: stampRequest(signatureSecret, { timestamp, sessionId, body }),
    }),
  };
}
