/** What a plugin is told about its call back (contract/backwards-invocation 1.1). */
export type BackwardsEvent =
  /** `data` is JSON text of an object, on one line. */
  | { readonly event: "response"; readonly message: "stream" | "struct"; readonly data: string }
  | { readonly event: "error"; readonly message: string }
  /** Always the last, also after an error. */
  | { readonly event: "end" };

/** The JSON text of an event: all four keys always stand. */
export function backwardsEventText(requestId: string, event: BackwardsEvent): string {
  const message = event.event === "end" ? "" : event.message;
  const data = event.event === "response" ? event.data : "null";
  return `{"backwards_request_id":${JSON.stringify(requestId)},"event":"${event.event}","message":${JSON.stringify(message)},"data":${data}}`;
}
