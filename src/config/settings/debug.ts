import { flag, ignored, integer, optionalPort, optionalText, seconds } from "../setting.ts";

/** lifecycle.md 10.8. */
export const debugSettings = {
  PLUGIN_REMOTE_INSTALLING_ENABLED: flag({
    meaning: "Let developers connect plugins that run on their machines",
    default: true,
  }),
  PLUGIN_REMOTE_INSTALLING_HOST: optionalText({
    meaning: "Address that the debug server listens on",
    shownDefault: "127.0.0.1",
  }),
  PLUGIN_REMOTE_INSTALLING_PORT: optionalPort({
    meaning: "Port of the debug server",
    shownDefault: "5003",
  }),
  PLUGIN_REMOTE_INSTALLING_MAX_CONN: integer({
    meaning: "Debug connections at the same time",
    default: 256,
    zeroIsDefault: true,
  }),
  PLUGIN_REMOTE_INSTALLING_MAX_SINGLE_TENANT_CONN: integer({
    meaning: "Debug connections of one tenant at the same time",
    default: 5,
    zeroIsDefault: true,
  }),
  PLUGD_DEBUG_MAX_CONN_PER_ADDRESS: integer({
    meaning: "Debug connections from one address at the same time",
    default: 64,
    min: 1,
  }),
  PLUGD_DEBUG_MAX_FAILED_KEYS: integer({
    meaning: "Wrong debugging keys that an address may send in a minute; 0 turns this off",
    default: 30,
  }),
  PLUGD_DEBUG_HANDSHAKE_TIMEOUT: seconds({
    meaning: "Time that a debug connection has to send its key",
    default: 10,
    min: 1,
  }),
  PLUGD_DEBUG_REGISTRATION_TIMEOUT: seconds({
    meaning: "Time that a debug connection has from its key to the end of its registration",
    default: 120,
    min: 1,
  }),
  PLUGD_DEBUG_SILENCE_TIMEOUT: seconds({
    meaning: "Time without a sign of life after which a debug connection is closed; 0 turns this off",
    default: 60,
  }),
  PLUGD_DEBUG_GRACE: seconds({
    meaning:
      "Time that calls of a debugged plugin wait for a client that was disconnected, before what is installed takes them",
    default: 10,
  }),
  PLUGD_DEBUG_TLS_CERT_FILE: optionalText({
    meaning: "File with the certificate of the debug server, in PEM; with it connections are encrypted",
  }),
  PLUGD_DEBUG_TLS_KEY_FILE: optionalText({
    meaning: "File with the key of that certificate, in PEM",
  }),
  PLUGIN_REMOTE_INSTALL_SERVER_EVENT_LOOP_NUMS: ignored("Threads of the reference's debug server"),
};
