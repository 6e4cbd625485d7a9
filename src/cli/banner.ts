import type { LogAttributes } from "../lib/logger.ts";
import type { StartFacts } from "./cli-deps.ts";
import type { Style } from "./cli-io.ts";
import { formatDuration } from "./format.ts";

const LABEL_WIDTH = 10;

/** What a terminal shows after the start: where things are, what was found, and the next command to type. */
export function banner(
  facts: StartFacts,
  { style, program }: { readonly style: Style; readonly program: string },
): string {
  const row = (label: string, text: string) => `  ${style.dim(label.padEnd(LABEL_WIDTH))} ${text}`;
  const lines = [
    `${style.bold(`plugd ${facts.version}`)} is ready at ${style.bold(facts.url)} ${style.dim(`(${formatDuration(facts.readyMs)})`)}`,
    "",
    row("key", keyText(facts.key)),
    row("data", facts.dataDir),
    ...(facts.debugAddress === null ? [] : [row("debugging", facts.debugAddress)]),
    row("python", pythonText(facts.interpreters)),
    row("uv", facts.uv ? `${facts.uv.version} (${facts.uv.path})` : "none; python -m venv and pip are used"),
    row("memory", facts.memoryLimit),
    ...(facts.ignoredSettings.length === 0
      ? []
      : [row("ignored", `${facts.ignoredSettings.join(", ")} (no effect here)`)]),
    ...facts.warnings.map((warning) => style.yellow(`  Warning: ${warning}`)),
    "",
    `Next: ${style.green(`${program} install FILE.difypkg`)} in another terminal; Ctrl-C stops the daemon`,
  ];
  return `${lines.join("\n")}\n`;
}

/** The same for a log: one line of attributes. */
export function bannerAttributes(facts: StartFacts): LogAttributes {
  return {
    version: facts.version,
    url: facts.url,
    // Under the name of a key it would be masked.
    authentication: `key ${keyText(facts.key)}`,
    data_dir: facts.dataDir,
    debug_address: facts.debugAddress,
    python: facts.interpreters.map(({ version }) => version).join(", "),
    uv: facts.uv?.version ?? null,
    memory_limit: facts.memoryLimit,
    ignored_settings: facts.ignoredSettings.join(", "),
    ready_ms: facts.readyMs,
  };
}

function keyText(key: StartFacts["key"]): string {
  if (key.kind === "setting") return "from SERVER_KEY";
  return key.created ? `made and stored in ${key.path}` : `in ${key.path}`;
}

function pythonText(interpreters: StartFacts["interpreters"]): string {
  if (interpreters.length === 0)
    return "none found; plugins written in Python cannot be installed (TypeScript ones can)";
  return interpreters.map(({ version }) => version).join(", ");
}
