import { integer, optionalText } from "../setting.ts";

/** lifecycle.md 10.7. */
export const serverlessSettings = {
  DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL: optionalText({
    meaning: "Connector that builds cloud functions; needed when PLATFORM is serverless",
  }),
  DIFY_PLUGIN_SERVERLESS_CONNECTOR_API_KEY: optionalText({
    meaning: "Key of the connector; needed when PLATFORM is serverless",
    secret: true,
  }),
  DIFY_PLUGIN_SERVERLESS_CONNECTOR_LAUNCH_TIMEOUT: integer({
    meaning: "Longest time to build a function",
    unit: "seconds",
    default: 240,
    zeroIsDefault: true,
  }),
  MAX_SERVERLESS_TRANSACTION_TIMEOUT: integer({
    meaning: "Longest time of a function's call back",
    unit: "seconds",
    default: 300,
    zeroIsDefault: true,
  }),
  // "≤ 0 means 1" (lifecycle.md 5.3)
  MAX_SERVERLESS_RETRY_TIMES: integer({
    meaning: "Attempts to call a function, the first included",
    default: 3,
    min: 1,
    clampMin: 1,
  }),
  MAX_SERVERLESS_REQUEST_BYTES: integer({
    meaning: "Largest request to a function",
    unit: "bytes",
    default: 5_242_880,
    zeroIsDefault: true,
  }),
};
