import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { type Config, ConfigSchema, SETTING_GROUPS } from "./config.ts";
import { ConfigError, type ConfigProblem } from "./config-error.ts";
import { findConflicts, findDoubts } from "./cross-checks.ts";
import { stripUserInfo } from "../lib/redact.ts";
import type { Environment, Setting } from "./setting.ts";
import { UNTOUCHED_STDIO_MAX_BUFFER_SIZE } from "./settings/local-runtime.ts";

export interface ParsedConfig {
  readonly config: Config;
  /** Variables that are set and have no effect in this daemon. */
  readonly ignored: readonly string[];
  /** Sentences for the operator. */
  readonly warnings: readonly string[];
}

/**
 * Reads the settings out of an environment (lifecycle.md 10; an empty variable counts as unset). Pure.
 *
 * @throws {ConfigError} with every value that cannot be used
 */
export function parseConfig(env: Environment): ParsedConfig {
  const values: Record<string, unknown> = {};
  const problems: ConfigProblem[] = [];
  const ignored: string[] = [];
  const warnings: string[] = [];
  for (const [name, setting] of SETTING_GROUPS.flatMap((group) => Object.entries(group.settings))) {
    if (setting.kind === "ignored") {
      if (isSet(env[name])) ignored.push(name);
      continue;
    }
    const text = [name, ...setting.aliases].map((key) => env[key]).find(isSet);
    const outcome = readSetting(setting, text, env);
    if (!outcome.ok) problems.push(problem(name, setting, text));
    else if (outcome.value !== undefined) values[name] = Object.freeze(outcome.value);
    if (outcome.ok && outcome.clampedTo !== undefined)
      warnings.push(`${name} is ${text}, which is out of bounds; ${outcome.clampedTo} is used`);
  }
  applyOlderLineLimit(values);
  if (Value.Check(Type.Partial(ConfigSchema), values)) problems.push(...findConflicts(values));
  if (problems.length > 0) throw new ConfigError(problems);
  if (!Value.Check(ConfigSchema, values))
    throw new Error("Cannot read settings: a default breaks its own schema");
  const config: Config = Object.freeze(values);
  warnings.push(...findDoubts(config, env), ...unknownNames(env));
  return { config, ignored, warnings };
}

type Outcome =
  { readonly ok: false } | { readonly ok: true; readonly value: unknown; readonly clampedTo?: number };

function readSetting(setting: Setting, text: string | undefined, env: Environment): Outcome {
  const read = text === undefined ? undefined : setting.read(text);
  if (text !== undefined && read === undefined) return { ok: false };
  if (read === undefined || (read === 0 && setting.zeroIsDefault))
    return { ok: true, value: setting.fallback(env) };
  if (typeof read === "number" && (read < setting.clamp.min || read > setting.clamp.max)) {
    const value = Math.min(Math.max(read, setting.clamp.min), setting.clamp.max);
    return { ok: true, value, clampedTo: value };
  }
  return Value.Check(setting.schema, read) ? { ok: true, value: read } : { ok: false };
}

function problem(variable: string, setting: Setting, text: string | undefined): ConfigProblem {
  const shown = text === undefined || setting.secret ? {} : { value: stripUserInfo(text) };
  return { variable, ...shown, allowed: setting.allowed };
}

/**
 * The older name wins if somebody has touched it (lifecycle.md 10.6). A stock compose file passes the reference's
 * default in it, which must not lower ours.
 */
function applyOlderLineLimit(values: Record<string, unknown>): void {
  const older = values["PLUGIN_STDIO_MAX_BUFFER_SIZE"];
  if (older !== undefined && older !== 0 && older !== UNTOUCHED_STDIO_MAX_BUFFER_SIZE)
    values["PLUGIN_RUNTIME_MAX_BUFFER_SIZE"] = older;
}

function unknownNames(env: Environment): readonly string[] {
  const known = new Set(SETTING_GROUPS.flatMap((group) => Object.keys(group.settings)));
  return Object.keys(env)
    .filter((name) => name.startsWith("PLUGD_") && !known.has(name))
    .map((name) => `${name} is no setting of this daemon; check how it is spelled`);
}

function isSet(text: string | undefined): text is string {
  return text !== undefined && text !== "";
}
