import { choice, flag, integer, optionalFormatted, optionalText, seconds } from "../setting.ts";

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
  PLUGD_RUNTIME: choice({
    meaning:
      "What runs plugins whose installation names nothing; auto takes a function for what is too heavy here",
    default: {
      shown: "the value of PLATFORM",
      from: (env) => (env["PLATFORM"] === "serverless" ? "serverless" : "local"),
    },
    spellings: { local: "local", serverless: "serverless", auto: "auto" },
    allowed: '"local", "serverless" or "auto"',
  }),
  PLUGD_AUTO_MEMORY: integer({
    meaning: "Memory that a plugin may declare before auto takes a function for it",
    unit: "bytes",
    default: 1_073_741_824,
  }),
  PLUGD_SERVERLESS_CALLBACK_URL: optionalFormatted({
    meaning: "Where functions reach this daemon for their calls back",
    shownDefault: "the address that it listens on",
    read: readUrl,
    allowed: "a URL that starts with http:// or https://",
  }),
  PLUGD_OPEN_TRANSACTIONS: flag({
    meaning:
      "Take calls back without a secret in their path, as the reference does: for connectors that set DIFY_PLUGIN_DAEMON_URL themselves",
    default: false,
  }),
  PLUGD_SERVERLESS_SIGNATURE_SECRET: optionalText({
    meaning: "Secret that requests to functions are signed with; answers that are signed are checked with it",
    secret: true,
    shownDefault: "one for each function, made from the connector's key and told to the connector",
  }),
  PLUGD_SERVERLESS_PRIVATE_URLS: flag({
    meaning: "Functions may stand in private networks and on this machine",
    default: true,
  }),
  PLUGD_SERVERLESS_TIMEOUT: seconds({
    meaning: "Longest silence of a function that speaks the plain form",
    default: 30,
    min: 1,
  }),
  PLUGD_SERVERLESS_MAX_PER_HOST: integer({
    meaning: "Requests to one host of functions at the same time; the others wait",
    unit: "entries",
    default: 1000,
    min: 1,
  }),
  PLUGD_SERVERLESS_IDLE: integer({
    meaning: "Connections to functions that are kept for the next request",
    unit: "entries",
    default: 100,
  }),
  PLUGD_SERVERLESS_IDLE_PER_HOST: integer({
    meaning: "The same for one host",
    unit: "entries",
    default: 10,
  }),
  PLUGD_SERVERLESS_IDLE_TIMEOUT: seconds({
    meaning: "Time without a request after which the connections to a host are not used any more",
    default: 90,
  }),
};

function readUrl(given: string): string | undefined {
  return /^https?:\/\/./i.test(given) && URL.canParse(given) ? given.replace(/\/+$/, "") : undefined;
}
