import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { errorCode } from "../lib/system-error.ts";
import { CliError, EXIT } from "./cli-error.ts";
import type { CliIo } from "./cli-io.ts";

/** The tenant of whoever runs a daemon for himself. */
export const DEFAULT_TENANT = "00000000-0000-0000-0000-000000000000";

/** Where the daemon is and how to be let in. */
export interface Connection {
  /** Without a slash at the end; may have a path of its own. */
  readonly url: string;
  /** Undefined where none was found; the daemon will say whether it wants one. */
  readonly key: string | undefined;
  /** Where the key was found, in words; it stands in the message when the daemon refuses it. */
  readonly keySource: string;
  /** The file that it stands in, where that is where it was found. */
  readonly keyFile?: string;
  readonly tenantId: string;
}

export interface ConnectionFlags {
  readonly url?: string;
  readonly key?: string;
  readonly dataDir?: string;
  readonly tenant?: string;
}

/** What a running daemon writes to `daemon.json` in its data folder. */
const DaemonFile = Type.Object({ url: Type.String() });

/**
 * Finds the daemon: flags first, then the variables that the daemon itself reads (and `PLUGD_URL`), then what a
 * running daemon left in its data folder, then the address of a daemon without settings.
 */
export function resolveConnection(flags: ConnectionFlags, io: CliIo): Connection {
  const dataDir = dataFolder(flags.dataDir, io);
  const inFolder = urlInFolder(dataDir);
  const url = checkedUrl(
    flags.url ??
      (flags.dataDir === undefined ? undefined : inFolder) ??
      urlOfVariables(io.env) ??
      inFolder ??
      "http://127.0.0.1:5002",
  );
  // The key in the folder is that of the daemon there: it is not handed to whatever answers at another address.
  const isOfFolder = isLoopback(url) || (inFolder !== undefined && checkedUrl(inFolder) === url);
  const found = findKey(flags, { io, keyFile: isOfFolder ? join(dataDir, "server.key") : undefined });
  return {
    url,
    key: found?.key,
    keySource: found?.source ?? "nowhere",
    ...(found?.file !== undefined && { keyFile: found.file }),
    tenantId: flags.tenant ?? DEFAULT_TENANT,
  };
}

/** The data folder that a daemon with these settings uses. */
export function dataFolder(flag: string | undefined, io: Pick<CliIo, "env" | "cwd">): string {
  // systemd separates several state folders by colons; the first is ours.
  const state = io.env["STATE_DIRECTORY"]?.split(":")[0];
  return resolve(io.cwd, flag || io.env["PLUGD_DATA_DIR"] || state || "plugd-data");
}

function urlOfVariables(env: CliIo["env"]): string | undefined {
  if (env["PLUGD_URL"]) return env["PLUGD_URL"];
  const host = env["SERVER_HOST"];
  const port = env["SERVER_PORT"];
  if (!host && !port) return undefined;
  return `http://${reachableHost(host || "127.0.0.1")}:${port || "5002"}`;
}

/** A daemon that listens on every interface is reached on the loopback one. */
function reachableHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::" || host === "[::]") return "[::1]";
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

function urlInFolder(folder: string): string | undefined {
  const text = readIfThere(join(folder, "daemon.json"));
  if (text === undefined) return undefined;
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    // A file that another program wrote, or half of one: as good as none.
    return undefined;
  }
  return Value.Check(DaemonFile, file) ? file.url : undefined;
}

/** Addresses of this machine alone; requests to them also never go through a proxy. */
export function isLoopback(url: string): boolean {
  const host = new URL(url).hostname;
  return host === "localhost" || host === "[::1]" || /^127(\.\d+){3}$/.test(host);
}

function checkedUrl(text: string): string {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol))
    throw new CliError(`"${text}" is no address of a daemon`, {
      exitCode: EXIT.usage,
      hint: "An address looks like http://127.0.0.1:5002",
    });
  url.hostname = reachableHost(url.hostname);
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

function findKey(
  flags: ConnectionFlags,
  { io, keyFile }: { readonly io: CliIo; readonly keyFile: string | undefined },
): { readonly key: string; readonly source: string; readonly file?: string } | undefined {
  if (flags.key) return { key: flags.key, source: "--key" };
  const inEnv = io.env["SERVER_KEY"] ? { key: io.env["SERVER_KEY"], source: "SERVER_KEY" } : undefined;
  if (inEnv && flags.dataDir === undefined) return inEnv;
  const text = keyFile === undefined ? undefined : readIfThere(keyFile)?.trim();
  return text && keyFile !== undefined ? { key: text, source: `"${keyFile}"`, file: keyFile } : inEnv;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const code = errorCode(cause);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new CliError(`Cannot read "${path}": ${code === "EACCES" ? "permission denied" : String(code)}`, {
      cause,
      hint: "Run this as the user that the daemon runs as, or pass --url and --key",
    });
  }
}
