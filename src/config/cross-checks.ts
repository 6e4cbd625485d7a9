import type { Config } from "./config.ts";
import type { ConfigProblem } from "./config-error.ts";
import { isPublishedKey } from "./published-keys.ts";
import type { Environment } from "./setting.ts";

const MIN_ADMIN_KEY_LENGTH = 10;
const MIN_SERVER_KEY_LENGTH = 16;

/** The connector, if one can be used: other deployments pass placeholders along. */
export function connectorOf(
  config: Partial<Config>,
): { readonly url: string; readonly key: string } | undefined {
  const url = config.DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL;
  const key = config.DIFY_PLUGIN_SERVERLESS_CONNECTOR_API_KEY;
  return isHttpUrl(url) && key !== undefined ? { url, key } : undefined;
}

function isHttpUrl(url: string | undefined): url is string {
  return url !== undefined && /^https?:\/\/./i.test(url) && URL.canParse(url);
}

/** What several settings must agree on. Settings that are wrong by themselves are absent and count as unset. */
export function findConflicts(config: Partial<Config>): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (config.ADMIN_API_ENABLED === true && (config.ADMIN_API_KEY ?? "").length < MIN_ADMIN_KEY_LENGTH)
    problems.push({
      variable: "ADMIN_API_KEY",
      allowed: `a text of at least ${MIN_ADMIN_KEY_LENGTH} characters when ADMIN_API_ENABLED is true`,
    });
  if (config.PLATFORM === "serverless") {
    const url = config.DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL;
    if (!isHttpUrl(url))
      problems.push({
        variable: "DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL",
        ...(url === undefined ? {} : { value: url }),
        allowed: 'a URL that starts with http:// or https:// when PLATFORM is "serverless"',
      });
    if (config.DIFY_PLUGIN_SERVERLESS_CONNECTOR_API_KEY === undefined)
      problems.push({
        variable: "DIFY_PLUGIN_SERVERLESS_CONNECTOR_API_KEY",
        allowed: 'set when PLATFORM is "serverless"',
      });
  } else if (config.PLUGD_RUNTIME === "serverless" && connectorOf(config) === undefined)
    problems.push({
      variable: "PLUGD_RUNTIME",
      value: "serverless",
      allowed:
        '"local" or "auto", unless DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL and DIFY_PLUGIN_SERVERLESS_CONNECTOR_API_KEY name a connector',
    });
  for (const [variable, other] of [
    ["PLUGD_DEBUG_TLS_CERT_FILE", "PLUGD_DEBUG_TLS_KEY_FILE"],
    ["PLUGD_DEBUG_TLS_KEY_FILE", "PLUGD_DEBUG_TLS_CERT_FILE"],
  ] as const)
    if (config[variable] === undefined && config[other] !== undefined)
      problems.push({ variable, allowed: `set when ${other} is` });
  return problems;
}

/** What works and is probably not meant. */
export function findDoubts(config: Config, env: Environment): readonly string[] {
  const doubts: string[] = [];
  if (config.SERVER_KEY !== undefined && isPublishedKey(config.SERVER_KEY))
    doubts.push(
      "SERVER_KEY is a key that is printed in public compose files: whoever reaches the port can run code here. " +
        "Set SERVER_KEY to a secret of your own, and Dify's PLUGIN_DAEMON_KEY to the same",
    );
  else if (config.SERVER_KEY !== undefined && config.SERVER_KEY.length < MIN_SERVER_KEY_LENGTH)
    doubts.push(
      `SERVER_KEY is shorter than ${MIN_SERVER_KEY_LENGTH} characters, and whoever guesses it can run code here: ` +
        "take a long random one",
    );
  if (config.DIFY_INNER_API_KEY !== undefined && isPublishedKey(config.DIFY_INNER_API_KEY))
    doubts.push(
      "DIFY_INNER_API_KEY is a key that is printed in public compose files. " +
        "Set it, and Dify's INNER_API_KEY_FOR_PLUGIN, to a secret of your own",
    );
  if (!/^(?:text|json)?$/i.test(env["LOG_OUTPUT_FORMAT"] ?? ""))
    doubts.push(`LOG_OUTPUT_FORMAT is neither "text" nor "json"; text is written`);
  if (
    config.THIRD_PARTY_SIGNATURE_VERIFICATION_ENABLED &&
    config.THIRD_PARTY_SIGNATURE_VERIFICATION_PUBLIC_KEYS.length === 0
  )
    doubts.push(
      "THIRD_PARTY_SIGNATURE_VERIFICATION_ENABLED is true but no file is named in " +
        "THIRD_PARTY_SIGNATURE_VERIFICATION_PUBLIC_KEYS, so it changes nothing",
    );
  if (
    config.PLUGIN_STORAGE_LOCAL_ROOT !== undefined &&
    (env["PLUGD_DATA_DIR"] ?? "") === "" &&
    (env["STATE_DIRECTORY"] ?? "") === ""
  )
    doubts.push(
      `PLUGIN_STORAGE_LOCAL_ROOT is set and PLUGD_DATA_DIR is not: what is installed is recorded in ` +
        `"${config.PLUGD_DATA_DIR}", apart from the packages. Set PLUGD_DATA_DIR to a folder that is kept as well`,
    );
  return doubts;
}
