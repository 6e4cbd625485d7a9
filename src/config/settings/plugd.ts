import { choice, flag, integer, list, seconds, text } from "../setting.ts";

/** What the reference has no setting for. */
export const plugdSettings = {
  PLUGD_DATA_DIR: text({
    meaning: "Folder of everything that this daemon keeps",
    default: { shown: "systemd's STATE_DIRECTORY, else ./plugd-data", from: dataDirectory },
  }),
  PLUGIN_ENV_PASSTHROUGH: list({
    meaning: "Variables that plugins inherit from the daemon: names, or PREFIX_*, separated by commas",
    default: [],
    pattern: "^[A-Za-z_][A-Za-z0-9_]*\\*?$",
    allowed: "names of variables, or the beginning of names followed by *, separated by commas",
  }),
  PLUGD_RUNNER_COMMANDS: list({
    meaning:
      "Programs of this machine that a package may name in meta.runner.command: names or absolute paths, separated by commas",
    default: [],
  }),
  PLUGIN_MEMORY_FLOOR: integer({
    meaning: "Memory that every plugin gets even if its manifest asks for less; 0 turns memory limits off",
    unit: "bytes",
    default: 536_870_912,
  }),
  PLUGD_PLUGIN_BUFFER_BYTES: integer({
    meaning: "Answers of one plugin process that may wait for their clients",
    unit: "bytes",
    default: 67_108_864,
    min: 1,
  }),
  PLUGD_STALL_TIMEOUT: seconds({
    meaning: "Time that a full buffer may stall a plugin's other calls before the slowest one is ended",
    default: 2,
  }),
  PLUGD_START_TIMEOUT: seconds({
    meaning: "Time that a plugin process has to its first sign of life",
    default: 120,
    min: 1,
  }),
  PLUGD_SILENCE_TIMEOUT: seconds({
    meaning: "Time without a sign of life after which a plugin process is replaced; 0 turns this off",
    default: 120,
  }),
  PLUGD_DRAIN_TIMEOUT: seconds({
    meaning: "Time that a shutdown waits for open calls",
    default: 30,
  }),
  PLUGD_START_WAIT: seconds({
    meaning: "Time that a call is held while its plugin is prepared and started",
    default: 300,
  }),
  PLUGD_SESSION_HISTORY: integer({
    meaning: "Ended calls that stay listed",
    unit: "entries",
    default: 10_000,
  }),
  PLUGD_EVENTS_KEPT: integer({
    meaning: "Events of each plugin that are kept for those who watch it",
    unit: "entries",
    default: 500,
    min: 1,
    max: 100_000,
  }),
  PLUGD_EVENTS_BYTES: integer({
    meaning: "Memory for kept events of all plugins together",
    unit: "bytes",
    default: 8_388_608,
    min: 65_536,
  }),
  PLUGD_TASK_RETENTION: seconds({
    meaning: "Time that an installation task stays listed after its success",
    default: 600,
    timer: false,
  }),
  PLUGD_BLOB_GRACE: seconds({
    meaning: "Time that packages and icons are kept after the last plugin that needs them is gone",
    default: 86_400,
    timer: false,
  }),
  PLUGD_MAX_REQUEST_BYTES: integer({
    meaning: "Largest body of a request that carries no file",
    unit: "bytes",
    default: 134_217_728,
    min: 1,
  }),
  PLUGD_OPEN_DOCS: flag({
    meaning: "Serve /openapi.json and /docs to those who have no key",
    default: false,
  }),
  PLUGD_SQLITE_SYNCHRONOUS: choice({
    meaning: "full survives a power cut; normal is faster and may lose the last moments then",
    default: "full",
    spellings: { full: "full", normal: "normal" },
    allowed: '"full" or "normal"',
  }),
};

/** systemd lists several state directories with colons; the first is the main one. */
function dataDirectory(env: Readonly<Record<string, string | undefined>>): string {
  const first = (env["STATE_DIRECTORY"] ?? "").split(":").find((path) => path !== "");
  return first ?? "./plugd-data";
}
