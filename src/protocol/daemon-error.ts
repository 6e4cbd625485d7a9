import type { PluginError } from "./plugin-error.ts";

/**
 * What went wrong, as a closed set. `http/errors.ts` is the only place that knows statuses and envelope codes.
 *
 * - `internal` – anything unexpected, or a look-up without a case of its own (`record not found`)
 * - `bad_request` – the caller's input is wrong: body, package, signature
 * - `not_found` – generic not found
 * - `hook_not_found` – a public address leads nowhere
 * - `too_large` – the caller sent more than is taken
 * - `overloaded` – too much is going on just now; worth trying again
 * - `invalid_identifier` – malformed plugin unique identifier
 * - `plugin_not_found` – the plugin (or provider) is not installed
 * - `unauthorized` – wrong key
 * - `permission_denied` – the manifest does not allow it
 * - `plugin_failed` – the plugin reported a failure or the way to it broke; carries `plugin`
 * - `unavailable` – the plugin is installed but cannot serve now; worth trying again
 * - `timeout` – a limit in time was reached
 * - `startup` – the daemon itself cannot start (port, folder, schema, settings)
 */
export type DaemonErrorCode =
  | "internal"
  | "bad_request"
  | "too_large"
  | "not_found"
  | "hook_not_found"
  | "invalid_identifier"
  | "plugin_not_found"
  | "unauthorized"
  | "permission_denied"
  | "plugin_failed"
  | "unavailable"
  | "timeout"
  | "overloaded"
  | "startup";

export interface DaemonErrorOptions {
  readonly cause?: unknown;
  /** What an operator can do about it; shown after the message on terminals and in task messages. */
  readonly hint?: string;
  /** The plugin's own error, for `plugin_failed`. */
  readonly plugin?: PluginError;
}

/** The only error class that crosses layers. Message grammar: sentence case, no period, values quoted. */
export class DaemonError extends Error {
  readonly code: DaemonErrorCode;
  readonly hint: string | undefined;
  readonly plugin: PluginError | undefined;

  constructor(code: DaemonErrorCode, message: string, options: DaemonErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "DaemonError";
    this.code = code;
    this.hint = options.hint;
    this.plugin = options.plugin;
  }
}
