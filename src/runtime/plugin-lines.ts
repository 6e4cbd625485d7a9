/** What the log says of lines that come from a plugin itself; everything else about a plugin is about its life. */
export const PLUGIN_LINES = {
  /** A message that the plugin logs. */
  log: "Plugin log",
  /** What it prints and is no message. */
  output: "Plugin output",
  stderr: "Plugin stderr",
} as const;
