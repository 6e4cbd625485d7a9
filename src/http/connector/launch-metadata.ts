import { isRecord } from "../../lib/is-record.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { LaunchMetadata } from "../../protocol/serverless/connector.ts";

const MAX_CHARS = 2048;

/**
 * The part `metadata` of a launch: `{"plugin_unique_identifier": …}` of every daemon (contract/plugin-wire 3.1), and
 * from plugd's also `daemon_url` and `signature_secret`. Throws `bad_request` for what is none of these.
 */
export function readLaunchMetadata(text: string | undefined): LaunchMetadata {
  const value = text === undefined || text.trim() === "" ? {} : parse(text);
  if (!isRecord(value)) throw wrong("it is no JSON object");
  const field = (name: string) => {
    const given = value[name] ?? undefined;
    if (given === undefined || given === "") return undefined;
    if (typeof given !== "string" || given.length > MAX_CHARS)
      throw wrong(`"${name}" must be a text of at most ${MAX_CHARS} characters`);
    return given;
  };
  const daemonUrl = field("daemon_url");
  if (daemonUrl !== undefined && !(/^https?:\/\/\S+$/i.test(daemonUrl) && URL.canParse(daemonUrl)))
    throw wrong('"daemon_url" must be a URL that starts with http:// or https://');
  const identifier = field("plugin_unique_identifier");
  const secret = field("signature_secret");
  return {
    ...(identifier !== undefined && { plugin_unique_identifier: identifier }),
    ...(daemonUrl !== undefined && { daemon_url: daemonUrl }),
    ...(secret !== undefined && { signature_secret: secret }),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw wrong("it is not JSON", cause);
  }
}

function wrong(why: string, cause?: unknown): DaemonError {
  return new DaemonError("bad_request", `Cannot read the part "metadata": ${why}`, { cause });
}
