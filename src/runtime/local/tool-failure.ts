import type { CommandEnd, CommandResult } from "../../lib/run-command.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";

/** Characters of a tool's output that an error shows. */
const SHOWN_CHARS = 3000;
/** Lines that uv writes with `-v`; they drown what went wrong. */
const NOISE = /^\s*(?:TRACE|DEBUG|INFO)\s|^\s*\d+(?:\.\d+)?m?s?\s+(?:TRACE|DEBUG)\s/;

const NETWORK =
  /dns error|failed to lookup address|name resolution|Name or service not known|Connection refused|connection reset|Network is unreachable|No route to host|error sending request|timed out|operation timed out|tcp connect error|NewConnectionError|ConnectTimeoutError|ReadTimeoutError|Max retries exceeded|ConnectionRefused|FailedToOpenSocket|Could not fetch URL|client error \(Connect\)/i;

/** Causes that operators meet, the most telling first. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /No space left on device|ENOSPC|os error 28|Disk quota exceeded/i,
    "The disk is full: free space, then install again",
  ],
  [
    /command '?(?:gcc|cc|clang|g\+\+|c\+\+|x86_64-linux-gnu-gcc)[^\n]*(?:failed|not found)|error: (?:linker )?`?cc`? not found|Unable to find a compiler|No such file or directory: '(?:gcc|cc)'|Microsoft Visual C\+\+|Python\.h: No such file|unable to execute '(?:gcc|cc)/i,
    "A dependency has to be compiled: install a C compiler and the headers of Python, or ask the author for a version with wheels for this platform",
  ],
  [
    /requires-python|requires Python|Requires-Python|does not satisfy Python|Python requirement/i,
    "A dependency does not support this Python: install another version, or set PYTHON_INTERPRETER_PATH",
  ],
  [
    /CERTIFICATE_VERIFY_FAILED|invalid peer certificate|UnknownIssuer|certificate verify failed/i,
    "The certificate of the package index is not trusted: set SSL_CERT_FILE and REQUESTS_CA_BUNDLE to the right bundle",
  ],
  [
    /401 Unauthorized|403 Forbidden|HTTP error 40[13]/i,
    "The package index refuses access: check PIP_MIRROR_URL and its credentials",
  ],
  [
    NETWORK,
    "The package index cannot be reached: check the network, HTTP_PROXY and HTTPS_PROXY, or set PIP_MIRROR_URL to an index that can",
  ],
  [
    /No matching distribution found|not found in the package registry|there (?:is|are) no versions? of|No solution found|Could not find a version|No version matching|404 Not Found| - 404$/im,
    "The package index does not have what the package asks for: check the names and versions in its dependency file, and PIP_MIRROR_URL",
  ],
  [
    /hash mismatch|THESE PACKAGES DO NOT MATCH THE HASHES/i,
    "The index serves other files than the lock names: check PIP_MIRROR_URL",
  ],
  [
    /Failed to build|failed-wheel-build|build backend|subprocess-exited-with-error|metadata-generation-failed/i,
    "A dependency could not be built: its output above tells why; a compiler or a library of the system may be missing",
  ],
];

export function isNetworkFailure(output: string): boolean {
  return NETWORK.test(output);
}

/**
 * The error of a tool that failed, in the reference's words (contract/lifecycle 4.3.1): `<action>: exit status 1,
 * output: …`.
 */
export function toolFailure(
  action: string,
  result: CommandResult,
  limits: { readonly inactivityMs: number; readonly timeoutMs: number },
): DaemonError {
  const output = tellingTail(result);
  return new DaemonError(
    "unavailable",
    `${action}: ${endText(result.end)}, output: ${output}${limitText(result.end, limits)}`,
    {
      hint: hintFor(result.end, output),
      ...(result.end.kind === "not_started" ? { cause: result.end.cause } : {}),
    },
  );
}

/** The end of what a tool wrote, without its debug lines. */
export function tellingTail(result: CommandResult): string {
  const text = `${result.stdout.trim()}\n${result.stderr.trim()}`;
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !NOISE.test(line));
  const kept = lines.join("\n");
  return kept.length > SHOWN_CHARS ? `…${kept.slice(-SHOWN_CHARS)}` : kept;
}

function hintFor(end: CommandEnd, output: string): string {
  if (end.kind === "inactive")
    return "The package index did not answer in time: check the network and PIP_MIRROR_URL, or raise PYTHON_ENV_INIT_TIMEOUT";
  if (end.kind === "timeout") return "Install again: what was downloaded so far is kept";
  if (end.kind === "not_started") return "Check that the program exists and may be executed";
  return HINTS.find(([pattern]) => pattern.test(output))?.[1] ?? "The output tells what went wrong";
}

function endText(end: CommandEnd): string {
  switch (end.kind) {
    case "exited":
      return `exit status ${end.code}`;
    case "signalled":
      return `signal: ${end.signal}`;
    case "timeout":
    case "inactive":
      return "signal: killed";
    case "aborted":
      return "aborted";
    case "not_started":
      return end.cause.message;
    default:
      return end satisfies never;
  }
}

function limitText(
  end: CommandEnd,
  limits: { readonly inactivityMs: number; readonly timeoutMs: number },
): string {
  if (end.kind === "inactive")
    return `\ninit process exited due to no activity for ${limits.inactivityMs / 1000} seconds`;
  return end.kind === "timeout" ? `\ninit process took longer than ${limits.timeoutMs / 1000} seconds` : "";
}
