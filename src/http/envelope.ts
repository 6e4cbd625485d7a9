/** The success half of the envelope (contract/http-api 1.6); `data` is never null. */
export interface SuccessEnvelope<T> {
  readonly code: 0;
  readonly message: "success";
  readonly data: T;
}

export function success<T>(data: T): SuccessEnvelope<T> {
  return { code: 0, message: "success", data };
}
