/**
 * An error of a plugin, or one that the daemon makes in its name, as it travels to the platform
 * (contract/plugin-wire 0.3): JSON text of `{"args":…,"error_type":…,"message":…}`.
 */
export interface PluginError {
  /** The exception's class name, such as `InvokeRateLimitError`. */
  readonly error_type: string;
  readonly message: string;
  /** At most 10 entries, such as `traceback`. Left out, or null, in errors that the daemon itself puts on a stream. */
  readonly args?: Readonly<Record<string, unknown>> | null;
}

/** The text that stands in the message of a `PluginInvokeError`; always JSON (contract/http-api 1.6). */
export function pluginErrorText(error: PluginError): string {
  return error.args === undefined
    ? JSON.stringify({ error_type: error.error_type, message: error.message })
    : JSON.stringify({ args: error.args, error_type: error.error_type, message: error.message });
}
