import type { PluginError } from "../protocol/plugin-error.ts";

export interface ApiErrorOptions {
  /** `code` of the envelope, such as -404. */
  readonly code: number;
  /** Outer `error_type`, such as `PluginDaemonBadRequestError`; empty where the answer named none. */
  readonly errorType: string;
  /** The plugin's own error, where it was the plugin that failed. */
  readonly plugin?: PluginError | undefined;
}

/** A failure that the daemon answered with (contract/http-api 1.6). */
export class ApiError extends Error {
  readonly code: number;
  readonly errorType: string;
  readonly plugin: PluginError | undefined;

  constructor(message: string, options: ApiErrorOptions) {
    super(message);
    this.name = "ApiError";
    this.code = options.code;
    this.errorType = options.errorType;
    this.plugin = options.plugin;
  }

  /** What the user can do, for the failures that everybody meets once. */
  get hint(): string | undefined {
    if (this.message.includes("bad signature"))
      return "Start the daemon with FORCE_VERIFYING_SIGNATURE=false to accept packages that nobody signed";
    if (this.message.includes("exceeds the maximum limit"))
      return "Raise MAX_PLUGIN_PACKAGE_SIZE (bytes) where the daemon runs";
    return undefined;
  }
}
