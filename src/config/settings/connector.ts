import { formatted, integer, optionalFormatted, optionalText, port, seconds, text } from "../setting.ts";

/** Of `plugd connector`, which also takes what concerns packages, plugins on this machine and logs from above. */
export const connectorSettings = {
  PLUGD_CONNECTOR_HOST: text({ meaning: "Address that the connector listens on", default: "127.0.0.1" }),
  PLUGD_CONNECTOR_PORT: port({ meaning: "Port of the connector", default: 5005 }),
  PLUGD_CONNECTOR_KEY: optionalText({
    meaning: "Key that daemons send (their DIFY_PLUGIN_SERVERLESS_CONNECTOR_API_KEY)",
    secret: true,
    shownDefault: "generated at the first start and kept in the connector's folder",
  }),
  PLUGD_CONNECTOR_DATA_DIR: text({
    meaning: "Folder of everything that the connector keeps; no daemon may use the same",
    default: "./plugd-connector",
  }),
  PLUGD_CONNECTOR_PUBLIC_URL: optionalFormatted({
    meaning: "Where daemons reach this connector; the URLs of functions begin with it",
    shownDefault: "the address that it listens on",
    read: readEndpointBase,
    allowed: 'a URL that starts with http:// or https://, without "=", ",", a query or a fragment',
  }),
  PLUGD_CONNECTOR_DAEMON_URL: formatted({
    meaning: "Where functions call back (their DIFY_PLUGIN_DAEMON_URL)",
    default: "http://127.0.0.1:5002",
    read: readUrl,
    allowed: "a URL that starts with http:// or https://",
  }),
  PLUGD_CONNECTOR_SIGNATURE_SECRET: optionalText({
    meaning:
      "Secret that daemons sign their calls with; when set, calls without a valid signature are refused",
    secret: true,
  }),
  PLUGD_CONNECTOR_REPLAY_WINDOW: seconds({
    meaning: "Time in which the same signed call is answered once only",
    default: 300,
    min: 1,
  }),
  PLUGD_CONNECTOR_MAX_INSTANCES: integer({
    meaning: "Processes of one function that run at the same time",
    unit: "entries",
    default: 4,
    min: 1,
  }),
  PLUGD_CONNECTOR_INSTANCE_CALLS: integer({
    meaning: "Calls that one process of a function answers at the same time",
    unit: "entries",
    default: 100,
    min: 1,
  }),
  PLUGD_CONNECTOR_QUEUE: integer({
    meaning: "Calls of one function that wait for a process; above it they are refused with 429",
    unit: "entries",
    default: 1000,
  }),
  PLUGD_CONNECTOR_IDLE_TIMEOUT: seconds({
    meaning: "Time without a call after which a process of a function is stopped",
    default: 300,
    min: 1,
  }),
  PLUGD_CONNECTOR_TIMEOUT: seconds({
    meaning: "Longest time that one call of a function may take, its wait for a process included",
    default: 600,
    min: 1,
  }),
  PLUGD_CONNECTOR_MAX_REQUEST_BYTES: integer({
    meaning: "Largest request to a function",
    unit: "bytes",
    default: 6_291_456,
    min: 1,
  }),
};

function readUrl(given: string): string | undefined {
  return /^https?:\/\/./i.test(given) && URL.canParse(given) ? given.replace(/\/+$/, "") : undefined;
}

/** A daemon splits what a launch answers at `,` and `=` (contract/plugin-wire 3.1), and appends to the URL. */
function readEndpointBase(given: string): string | undefined {
  return /[=,?#\s]/.test(given) ? undefined : readUrl(given);
}
