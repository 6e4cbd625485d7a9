import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { DaemonError } from "../../protocol/daemon-error.ts";

/** What the Internet does not route, and what leads to the machine itself or to its cloud's metadata. */
const PRIVATE_RANGES = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
] as const;
const PRIVATE_RANGES_6 = [
  ["::", 96],
  // Ways into IPv4.
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
] as const;

const blocked = new BlockList();
for (const [network, prefix] of PRIVATE_RANGES) blocked.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of PRIVATE_RANGES_6) blocked.addSubnet(network, prefix, "ipv6");

export interface FunctionUrlPolicy {
  /** Functions may stand in private networks (`PLUGD_SERVERLESS_PRIVATE_URLS`). */
  readonly allowPrivate: boolean;
  /** Addresses of a host name; default: the system's resolver. */
  readonly lookup?: (host: string) => Promise<readonly string[]>;
}

/** Reads the URL of a function as a connector or an operator gives it. Throws `bad_request`. */
export function readFunctionUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw new DaemonError(
      "bad_request",
      `Cannot use "${text}" as the URL of a function: it is no http or https URL`,
    );
  if (url.username !== "" || url.password !== "")
    throw new DaemonError("bad_request", "Cannot use a function URL with a user or a password in it");
  return url;
}

/** Where a request goes to in the end. */
export interface FunctionAddress {
  readonly url: URL;
  /** What goes to `fetch` beside that, where the URL has an address in place of a name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: { readonly serverName: string } | undefined;
}

/**
 * Throws `bad_request` where the URL leads into a private network and the operator forbids that, and `unavailable` where its
 * name has no address. Answers where to
 * connect then: to an address that was looked at, as a name may lead elsewhere a moment later.
 */
export async function checkFunctionUrl(url: URL, policy: FunctionUrlPolicy): Promise<FunctionAddress> {
  const { allowPrivate, lookup: find = resolve } = policy;
  const asItIs = { url, headers: {}, tls: undefined };
  if (allowPrivate) return asItIs;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const addresses = isIP(host) ? [host] : await find(host);
  const inside = addresses.find(isPrivate);
  const [address] = addresses;
  if (inside !== undefined)
    throw new DaemonError(
      "bad_request",
      `Cannot use the function at "${url.host}": its address ${inside} is in a private range`,
      { hint: "Set PLUGD_SERVERLESS_PRIVATE_URLS to true where functions stand in your own network" },
    );
  if (address === host) return asItIs;
  // Not left to the request: it would look the name up again, and go wherever that leads.
  if (address === undefined)
    throw new DaemonError("unavailable", `Cannot look up "${host}", where a function should be`);
  const pinned = new URL(url);
  pinned.hostname = isIP(address) === 6 ? `[${address}]` : address;
  const tls = url.protocol === "https:" ? { serverName: host } : undefined;
  return { url: pinned, headers: { host: url.host }, tls };
}

async function resolve(host: string): Promise<readonly string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch {
    // There is no such host, or nobody who knows.
    return [];
  }
}

export function isPrivate(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  const text = mapped ?? address;
  return blocked.check(text, isIP(text) === 6 ? "ipv6" : "ipv4");
}
