import { ignored, integer, optionalFormatted, optionalText } from "../setting.ts";

/** lifecycle.md 10.3. */
export const difySettings = {
  DIFY_INNER_API_URL: optionalFormatted({
    meaning: "Base URL of Dify's inner API, for plugins that call back",
    shownDefault: "none: calls back fail",
    read: (text) => (/^https?:\/\/./i.test(text) && URL.canParse(text) ? text : undefined),
    allowed: "a URL that starts with http:// or https://",
  }),
  DIFY_INNER_API_KEY: optionalText({
    meaning: "Key of Dify's inner API (its INNER_API_KEY_FOR_PLUGIN)",
    secret: true,
  }),
  DIFY_BACKWARDS_INVOCATION_READ_TIMEOUT: integer({
    meaning: "Longest time for a plugin's call to Dify, to the last byte of the answer",
    unit: "milliseconds",
    default: 240_000,
    zeroIsDefault: true,
  }),
  RESPONSE_MAX_BUFFER_SIZE: integer({
    meaning: "Largest answer from Dify, or part of a streamed one",
    unit: "bytes",
    default: 31_457_280,
    zeroIsDefault: true,
  }),
  DIFY_BACKWARDS_INVOCATION_WRITE_TIMEOUT: ignored("Without effect in the reference, too"),
  DIFY_INVOCATION_CONNECTION_IDLE_TIMEOUT: ignored("Without effect in the reference, too"),
};
