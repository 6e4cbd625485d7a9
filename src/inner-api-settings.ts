import type { Config } from "./config/config.ts";
import type { InnerApiOptions } from "./dify/inner-api.ts";

/** What calling the platform depends on, out of the configuration. */
export function innerApiSettings(config: Config): InnerApiOptions {
  return {
    url: config.DIFY_INNER_API_URL,
    key: config.DIFY_INNER_API_KEY,
    readTimeoutMs: config.DIFY_BACKWARDS_INVOCATION_READ_TIMEOUT,
    maxAnswerBytes: config.RESPONSE_MAX_BUFFER_SIZE,
  };
}
