import { choice, flag, formatted, ignored, integer, optionalText, port, text } from "../setting.ts";

/** lifecycle.md 10.2. Nothing is required here: a missing key is generated, and then only loopback is served. */
export const serverSettings = {
  SERVER_HOST: text({
    meaning: "Address that the HTTP API listens on",
    default: {
      shown: "127.0.0.1, or 0.0.0.0 when SERVER_KEY is set",
      from: (env) => ((env["SERVER_KEY"] ?? "") === "" ? "127.0.0.1" : "0.0.0.0"),
    },
  }),
  SERVER_PORT: port({ meaning: "Port of the HTTP API", default: 5002 }),
  SERVER_KEY: optionalText({
    meaning: "Key that Dify sends as X-Api-Key (its PLUGIN_DAEMON_KEY)",
    secret: true,
    shownDefault: "generated at the first start and kept in the data folder",
  }),
  SERVER_TZ: formatted({
    meaning: "Time zone of the logs",
    default: "UTC",
    read: readTimeZone,
    allowed: 'an IANA time zone such as "UTC" or "Europe/Berlin", and not "Local"',
  }),
  PLATFORM: choice({
    meaning: "Where plugins run: on this machine, or as cloud functions behind a connector",
    default: "local",
    spellings: { local: "local", serverless: "serverless" },
    allowed: '"local" or "serverless"',
  }),
  ADMIN_API_ENABLED: flag({ meaning: "Serve the /admin routes", default: false }),
  ADMIN_API_KEY: optionalText({ meaning: "Key of the /admin routes, 10 characters or more", secret: true }),
  PLUGIN_ENDPOINT_ENABLED: flag({ meaning: "Serve the endpoints of plugins below /e", default: true }),
  PLUGIN_MAX_EXECUTION_TIMEOUT: integer({
    meaning: "Longest time that one call of a plugin may take",
    unit: "seconds",
    default: 600,
    zeroIsDefault: true,
  }),
  ROUTINE_POOL_SIZE: integer({
    meaning: "Size that /health/check reports as its pool; calls are not limited by it",
    default: 10_000,
    zeroIsDefault: true,
  }),
  HTTP_PROXY: optionalText({
    meaning: "Proxy for package installers and plugins; the lower-case name counts too",
    aliases: ["http_proxy"],
  }),
  HTTPS_PROXY: optionalText({ meaning: "The same for https", aliases: ["https_proxy"] }),
  NO_PROXY: optionalText({ meaning: "Hosts that are reached without a proxy", aliases: ["no_proxy"] }),
  GIN_MODE: ignored("Debug output of the reference's web framework"),
};

function readTimeZone(text: string): string | undefined {
  // Intl also takes offsets such as "+01:00", which are no zones.
  if (!/^[A-Za-z]/.test(text) || text.toLowerCase() === "local") return undefined;
  try {
    const known = new Intl.DateTimeFormat("en", { timeZone: text });
    return known.resolvedOptions().timeZone === "" ? undefined : text;
  } catch {
    // Intl has no other way to say that it does not know the zone.
    return undefined;
  }
}
