import { CliError, EXIT } from "./cli-error.ts";

const LINE = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$/;

/**
 * Reads `NAME=value` lines as `docker compose` does: blank lines and lines that begin with `#` are skipped, `export`
 * is allowed, quotes around a value are taken off (`"…"` knows `\n`, `\"`, `\\`; `'…'` is literal), and ` #` ends a
 * value without quotes. Variables inside values are not expanded. Throws a usage error that names the line.
 */
export function parseEnvFile(text: string, path: string): Readonly<Record<string, string>> {
  const values = new Map<string, string>();
  text.split(/\r?\n/).forEach((raw, at) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) return;
    const [, name, given = ""] = LINE.exec(line) ?? [];
    const value = name === undefined ? undefined : unquote(given);
    if (name === undefined || value === undefined)
      // The line itself may hold a secret, so only its number is shown.
      throw new CliError(`Cannot read "${path}": line ${at + 1} is no NAME=value`, { exitCode: EXIT.usage });
    values.set(name, value);
  });
  return Object.fromEntries(values);
}

/** Undefined where a quote is not closed. */
function unquote(text: string): string | undefined {
  const quote = text[0];
  if (quote !== '"' && quote !== "'") return text.replace(/(^|\s)#.*$/, "").trimEnd();
  const pattern = quote === '"' ? /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/ : /^'([^']*)'\s*(?:#.*)?$/;
  const inner = pattern.exec(text)?.[1];
  if (inner === undefined || quote === "'") return inner;
  return inner.replace(/\\(.)/g, (whole, character: string) => {
    if (character === "n") return "\n";
    return character === '"' || character === "\\" || character === "$" ? character : whole;
  });
}
