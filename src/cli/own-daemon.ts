import type { CliIo } from "./cli-io.ts";
import { freePort } from "./free-port.ts";

/** Of the caller's environment only what finding a temporary folder and a program takes. */
const KEPT_VARIABLES = ["PATH", "HOME", "TMPDIR", "LANG"];

/** Settings of a daemon that lives as long as a command, in a folder of its own on a free port of this machine. */
export function ownDaemonEnvironment(options: {
  readonly folder: string;
  readonly env: CliIo["env"];
  /** They win. */
  readonly settings: Readonly<Record<string, string>>;
}): Readonly<Record<string, string | undefined>> {
  return {
    ...Object.fromEntries(KEPT_VARIABLES.map((name) => [name, options.env[name]])),
    PLUGD_DATA_DIR: options.folder,
    SERVER_HOST: "127.0.0.1",
    SERVER_PORT: String(freePort()),
    // Nobody signs what is tried out.
    FORCE_VERIFYING_SIGNATURE: "false",
    PLUGIN_REMOTE_INSTALLING_ENABLED: "false",
    LOG_LEVEL: "error",
    ...options.settings,
  };
}
