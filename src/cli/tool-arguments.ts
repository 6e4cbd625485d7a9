import { CliError, EXIT } from "./cli-error.ts";
import type { Tool, ToolParameter } from "./installed-plugin.ts";

export interface ToolArguments {
  readonly values: Readonly<Record<string, unknown>>;
  /** Names that the tool does not declare; they are sent all the same. */
  readonly undeclared: readonly string[];
}

/**
 * The parameters of a call, from what was typed.
 *
 * `key=value` becomes what the tool declares for `key`, `key:=json` is taken as JSON, and `json` is an object that
 * both override. Defaults of the declaration fill what is left, as the platform does before it calls a tool.
 */
export function toolArguments(
  pairs: readonly string[],
  { tool, json }: { readonly tool: Tool; readonly json: string | undefined },
): ToolArguments {
  const declared = new Map((tool.parameters ?? []).map((parameter) => [parameter.name, parameter]));
  const values = new Map(Object.entries(json === undefined ? {} : parseObject(json, "--json")));
  for (const pair of pairs) {
    const [name, value] = readPair(pair, declared);
    values.set(name, value);
  }
  const missing: string[] = [];
  for (const { name, default: fallback, required } of declared.values()) {
    if (values.has(name)) continue;
    if (fallback !== undefined && fallback !== null) values.set(name, fallback);
    else if (required) missing.push(name);
  }
  if (missing.length > 0)
    throw new CliError(
      `Tool "${tool.identity.name}" needs ${missing.map((name) => `"${name}"`).join(", ")}`,
      { exitCode: EXIT.usage, hint: `Add ${missing.map((name) => `${name}=…`).join(" ")}` },
    );
  return {
    values: Object.fromEntries(values),
    undeclared: tool.has_runtime_parameters ? [] : [...values.keys()].filter((name) => !declared.has(name)),
  };
}

/** Parses the JSON object that an option holds. The text stays out of the message: it may hold credentials. */
export function parseObject(text: string, option: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, so it goes no further.
    value = undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw usage(`${option} must be a JSON object`, `It looks like '{"key": "value"}'`);
  return Object.fromEntries(Object.entries(value));
}

function readPair(
  pair: string,
  declared: ReadonlyMap<string, ToolParameter>,
): readonly [name: string, value: unknown] {
  const at = pair.indexOf("=");
  if (at <= 0) throw usage(`"${pair}" is no parameter`, "A parameter looks like key=value or key:=json");
  const text = pair.slice(at + 1);
  if (pair[at - 1] === ":") {
    const name = pair.slice(0, at - 1);
    if (name === "")
      throw usage(`"${pair}" is no parameter`, "A parameter looks like key=value or key:=json");
    return [name, parseJson(text, `"${name}"`)];
  }
  const name = pair.slice(0, at);
  return [name, coerce(text, { name, type: declared.get(name)?.type })];
}

/** Types as in contract/http-api, appendix A; whatever is text on the wire, or unknown, stays text. */
function coerce(
  text: string,
  { name, type }: { readonly name: string; readonly type: string | undefined },
): unknown {
  switch (type) {
    case "number": {
      const value = Number(text);
      if (text.trim() === "" || !Number.isFinite(value))
        throw usage(`"${name}" must be a number, not "${text}"`);
      return value;
    }
    case "boolean":
    case "checkbox": {
      if (/^(true|yes|on|1)$/i.test(text)) return true;
      if (/^(false|no|off|0)$/i.test(text)) return false;
      throw usage(`"${name}" must be true or false, not "${text}"`);
    }
    case "array":
    case "object":
    case "file":
    case "files":
    case "app-selector":
    case "model-selector":
    case "array[tools]":
      return parseJson(text, `"${name}" (${type})`);
    default:
      return text;
  }
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CliError(`${what} must be JSON, not "${text}"`, { exitCode: EXIT.usage, cause });
  }
}

function usage(message: string, hint?: string): CliError {
  return new CliError(message, { exitCode: EXIT.usage, ...(hint === undefined ? {} : { hint }) });
}
