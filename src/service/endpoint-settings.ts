import { isRecord } from "../lib/is-record.ts";
import { DaemonError } from "../protocol/daemon-error.ts";

/** Values of an endpoint's settings, for `JSON.stringify`: a number that a double would change is a `JSON.rawJSON`. */
export type EndpointSettings = Readonly<Record<string, unknown>>;

/** One field of settings, as much of its declaration as the daemon looks at (contract/plugin-package 2.1). */
export interface SettingField {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly scope: string | undefined;
  /** Values that a `select` takes. */
  readonly options: readonly string[];
}

const MAX_SETTINGS = 64;
/** Shorter secrets are masked whole. */
const MASKED_WHOLE = 6;
/** Further keys that a model of this scope needs; a scope that is not here is refused. */
const KEYS_OF_SCOPE: ReadonlyMap<string, readonly string[]> = new Map([
  ["all", []],
  ["llm", []],
  ["text-embedding", []],
  ["rerank", ["score_threshold", "top_n"]],
  ["tts", ["voice"]],
  ["speech2text", []],
  ["moderation", []],
  ["vision", ["completion_params"]],
]);

/** Reads the fields out of a declaration; what is none is left out. */
export function readSettingFields(config: readonly unknown[]): readonly SettingField[] {
  return config.flatMap((entry) => {
    if (!isRecord(entry) || typeof entry["name"] !== "string" || typeof entry["type"] !== "string") return [];
    const options = Array.isArray(entry["options"]) ? entry["options"] : [];
    return [
      {
        name: entry["name"],
        type: entry["type"],
        required: entry["required"] === true,
        scope: typeof entry["scope"] === "string" ? entry["scope"] : undefined,
        options: options.flatMap((option) =>
          isRecord(option) && typeof option["value"] === "string" ? [option["value"]] : [],
        ),
      },
    ];
  });
}

/** Throws `bad_request` for the first setting that its field refuses (contract/backwards-invocation 5.6); others are kept. */
export function checkSettings(settings: EndpointSettings, fields: readonly SettingField[]): void {
  const problem = findProblem(settings, fields);
  if (problem !== undefined) throw new DaemonError("bad_request", `failed to validate settings: ${problem}`);
}

/** What is shown in place of a secret; with it a client says that it has not changed it. */
export function maskSecrets(settings: EndpointSettings, fields: readonly SettingField[]): EndpointSettings {
  const masked: Record<string, unknown> = { ...settings };
  for (const name of secretNames(fields)) {
    const value = settings[name];
    if (typeof value === "string") masked[name] = mask(value);
  }
  return masked;
}

/** New settings, in which every secret that came back as it was shown is the old one again. */
export function keepSecrets(
  settings: EndpointSettings,
  { old, fields }: { readonly old: EndpointSettings; readonly fields: readonly SettingField[] },
): EndpointSettings {
  const kept: Record<string, unknown> = { ...settings };
  for (const name of secretNames(fields)) {
    const before = old[name];
    if (typeof before === "string" && settings[name] === mask(before)) kept[name] = before;
  }
  return kept;
}

export function secretNames(fields: readonly SettingField[]): readonly string[] {
  return fields.filter(({ type }) => type === "secret-input").map(({ name }) => name);
}

/** Counts characters, not bytes: none is cut in two. */
function mask(secret: string): string {
  const chars = Array.from(secret);
  if (chars.length <= MASKED_WHOLE) return "*".repeat(chars.length);
  return `${chars.slice(0, 2).join("")}${"*".repeat(chars.length - 4)}${chars.slice(-2).join("")}`;
}

function findProblem(settings: EndpointSettings, fields: readonly SettingField[]): string | undefined {
  if (Object.keys(settings).length > MAX_SETTINGS) return "too many setting fields";
  for (const field of fields) {
    const value = Object.hasOwn(settings, field.name) ? settings[field.name] : undefined;
    if (value === undefined || value === null) {
      if (field.required) return `missing required setting: ${field.name}`;
      continue;
    }
    const problem = problemOf(value, field);
    if (problem !== undefined) return `setting ${field.name} is ${problem}`;
  }
  return undefined;
}

function problemOf(value: unknown, { type, scope, options }: SettingField): string | undefined {
  switch (type) {
    case "text-input":
    case "secret-input":
      return typeof value === "string" ? undefined : "not a string";
    case "select":
      if (typeof value !== "string") return "not a string";
      return options.includes(value) ? undefined : "not a valid option";
    case "boolean":
      return typeof value === "boolean" ? undefined : "not a boolean";
    case "app-selector":
      return missingKey(value, ["app_id"]);
    case "model-selector": {
      const further = scope === undefined ? [] : KEYS_OF_SCOPE.get(scope);
      const missing = missingKey(value, ["provider", "model", "model_type", ...(further ?? [])]);
      return missing ?? (further ? undefined : "not a valid model config scope");
    }
    default:
      return undefined;
  }
}

function missingKey(value: unknown, keys: readonly string[]): string | undefined {
  if (!isRecord(value) || JSON.isRawJSON(value)) return "not a map";
  const missing = keys.find((key) => !Object.hasOwn(value, key));
  return missing === undefined ? undefined : `missing ${missing}`;
}
