import { createHash } from "node:crypto";
import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { isRecord } from "../../lib/is-record.ts";
import type { Identifier } from "../identifier.ts";
import { parseJson } from "../line.ts";

/** How a function is spoken to: as the published SDK expects it, or in the article's plain form. */
export type FunctionProtocol = "sdk" | "plain";

/**
 * Part `metadata` of a launch, as JSON (contract/plugin-wire 3.1). A connector may ignore what follows the identifier.
 */
export interface LaunchMetadata {
  /** Every daemon gives it. */
  readonly plugin_unique_identifier?: string;
  /** Ours: what the function needs as `DIFY_PLUGIN_DAEMON_URL`. The path holds a secret of this function. */
  readonly daemon_url?: string;
  /** Ours: key of the signatures of requests and answers; for the function, or for the front before it. */
  readonly signature_secret?: string;
}

/**
 * Tells whether a function was launched with this very address and secret, and neither of them: a function with
 * others refuses the calls of a daemon, or calls back somewhere else.
 */
export function launchFingerprint({
  daemon_url: url,
  signature_secret: secret,
}: Pick<LaunchMetadata, "daemon_url" | "signature_secret">): string {
  return createHash("sha256")
    .update(JSON.stringify(["plugd launch", url ?? null, secret ?? null]))
    .digest("hex");
}

/** A function that a connector has. */
export interface DeployedFunction {
  readonly name: string;
  readonly url: string;
  /** Undefined where the connector does not say. */
  readonly protocol: FunctionProtocol | undefined;
  /** Where the connector gives one: what its own routes know it by. */
  readonly id?: string;
  /** Where the connector gives one: `launchFingerprint()` of what its last launch came with. */
  readonly fingerprint?: string;
}

/** What a line of a launch says. */
export type LaunchEvent =
  | { readonly kind: "info"; readonly message: string }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "function"; readonly function: DeployedFunction }
  | { readonly kind: "done" }
  /** For the log: a comment, a stage that is not known. */
  | { readonly kind: "noise"; readonly text: string };

/** Name of the package in both calls of a connector. */
export function packageFileName({ author, name, version, checksum }: Identifier): string {
  return `${author}@${name}@${version}@${checksum}.difypkg`;
}

const Instance = Type.Object({
  name: Type.String({ minLength: 1 }),
  endpoint: Type.String({ minLength: 1 }),
  protocol: Type.Optional(Type.Unknown()),
  id: Type.Optional(Type.Unknown()),
  fingerprint: Type.Optional(Type.Unknown()),
});

/**
 * Reads the list of instances; the first one counts, and undefined means that there is none. The case of keys is not
 * looked at. Throws an `Error` with the connector's own words.
 */
export function readInstances(answer: unknown): DeployedFunction | undefined {
  if (!isRecord(answer)) throw new Error("unexpected response from plugin controller: it is no JSON object");
  const { error, items } = lowerKeys(answer);
  if (typeof error === "string" && error !== "")
    throw new Error(`unexpected response from plugin controller: ${error}`);
  if (!Array.isArray(items) || items.length === 0) return undefined;
  const first: unknown = isRecord(items[0]) ? lowerKeys(items[0]) : undefined;
  if (!Value.Check(Instance, first))
    throw new Error("unexpected response from plugin controller: an instance without a name and an endpoint");
  return {
    name: first.name,
    url: first.endpoint,
    protocol: protocolOf(first.protocol),
    ...(typeof first.id === "string" && first.id !== "" && { id: first.id }),
    ...(typeof first.fingerprint === "string" && { fingerprint: first.fingerprint }),
  };
}

/** Reads one line of a launch; undefined for those that say nothing. */
export function readLaunchLine(line: string): LaunchEvent | undefined {
  const trimmed = line.trim();
  const text = (trimmed.startsWith("data:") ? trimmed.slice("data:".length) : trimmed).trim();
  if (text === "" || text.startsWith("event:")) return undefined;
  const value = parseJson(text);
  if (!isRecord(value)) return { kind: "noise", text };
  const { stage, state, message } = lowerKeys(value);
  const words = typeof message === "string" ? message : "";
  if (state === "failed") return { kind: "failed", message: words };
  switch (stage) {
    case "start":
    case "build":
      return { kind: "info", message: detailed("Building plugin...", words) };
    case "run":
      return state === "success"
        ? readFunction(words)
        : { kind: "info", message: detailed("Launching plugin...", words) };
    case "end":
      return { kind: "done" };
    case "healthz":
      return undefined;
    default:
      return { kind: "noise", text };
  }
}

/** The connector's own words say more than ours; ours stand where it has none. */
function detailed(known: string, words: string): string {
  return words === "" ? known : words;
}

/**
 * `endpoint=<url>,name=<name>,id=<id>`. The reference breaks at a URL with `=` or `,` in it; here a part begins where a
 * known key does.
 */
function readFunction(words: string): LaunchEvent {
  const parts = new Map<string, string>();
  for (const part of words.split(/,(?=(?:endpoint|name|id|protocol)=)/)) {
    const at = part.indexOf("=");
    if (at <= 0) return { kind: "failed", message: `invalid key-value pair: ${part}` };
    parts.set(part.slice(0, at).trim(), part.slice(at + 1));
  }
  const url = parts.get("endpoint") ?? "";
  const name = parts.get("name") ?? "";
  return { kind: "function", function: { url, name, protocol: protocolOf(parts.get("protocol")) } };
}

function protocolOf(value: unknown): FunctionProtocol | undefined {
  return value === "sdk" || value === "plain" ? value : undefined;
}

function lowerKeys(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.toLowerCase(), item]));
}
