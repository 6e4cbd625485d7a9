import type { Logger } from "../lib/logger.ts";
import type { AuthorSettings } from "../service/author/author-settings.ts";

/** What the command line needs of the rest of the program; `main.ts` brings it. */
export interface CliDeps {
  /**
   * Starts a daemon in this process and resolves when it answers. Rejects with a `DaemonError` that says what is
   * wrong with the settings, the port or the folder; nothing is left running then.
   */
  startDaemon(options: StartOptions): Promise<RunningDaemon>;
  /** Starts a connector of the serverless runtime in this process, as above. */
  startConnector(options: StartOptions): Promise<RunningConnector>;
  /** What the commands of plugin authors depend on, with everything that they make below `folder`. Throws as above. */
  authorSettings(options: { readonly env: StartOptions["env"]; readonly folder: string }): AuthorSettings;
}

export interface StartOptions {
  /** All that the daemon's configuration is read from; nothing else of the process's environment counts. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface RunningDaemon {
  /** Where it answers, such as `http://127.0.0.1:5002`. */
  readonly url: string;
  readonly logger: Logger;
  /** All that it answers. */
  readonly routes: readonly Route[];
  /** Looks around the machine for what the banner shows; the daemon serves meanwhile. */
  facts(): Promise<StartFacts>;
  /** Drains and ends: open calls are finished within their bounds, plugins are stopped. Idempotent. */
  close(): Promise<void>;
}

export interface RunningConnector {
  /** Where it answers on this machine. */
  readonly url: string;
  readonly logger: Logger;
  readonly dataDir: string;
  /** File of the key that it made; undefined where the key was given. */
  readonly keyPath: string | undefined;
  /** How many functions it has from its last run. */
  readonly functions: number;
  /** The mechanism in force, in words. */
  readonly memoryLimit: string;
  /** One sentence each. */
  readonly warnings: readonly string[];
  /** Drains and ends, functions with it. Idempotent. */
  close(): Promise<void>;
}

export interface Route {
  readonly method: string;
  /** A parameter begins with a colon; a star at the end stands for the rest of the path. */
  readonly path: string;
}

/** What an operator wants to know right after the start. */
export interface StartFacts {
  readonly version: string;
  readonly url: string;
  /** `host:port` of the listener for debugging; null where it is off. */
  readonly debugAddress: string | null;
  readonly dataDir: string;
  /** The key itself never comes here. */
  readonly key:
    | { readonly kind: "setting" }
    | { readonly kind: "file"; readonly path: string; readonly created: boolean };
  /** Python interpreters that plugins can be given, the newest first. */
  readonly interpreters: readonly { readonly version: string; readonly path: string }[];
  readonly uv: { readonly version: string; readonly path: string } | null;
  /** The mechanism in force, in words. */
  readonly memoryLimit: string;
  /** Variables that are set and have no effect here. */
  readonly ignoredSettings: readonly string[];
  /** One sentence each. */
  readonly warnings: readonly string[];
  /** From the start of the process until it answered. */
  readonly readyMs: number;
}
