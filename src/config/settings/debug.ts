import { flag, ignored, integer, optionalPort, optionalText } from "../setting.ts";

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
  PLUGIN_REMOTE_INSTALL_SERVER_EVENT_LOOP_NUMS: ignored("Threads of the reference's debug server"),
};
