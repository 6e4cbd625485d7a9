import type { PluginDeclaration } from "../../protocol/declaration.ts";
import type { Identifier } from "../../protocol/identifier.ts";
import type { PackageFile } from "../../package/package.ts";

/** The stages of an installation that a task shows, in order. */
export type PrepareStage = "unpack" | "environment" | "dependencies" | "compile" | "start";

/** Tells a task where it is; `detail` is one line, such as uv's own progress. */
export type ReportStage = (stage: PrepareStage, detail: string) => void;

/** What has to be run, and where its files come from. */
export interface PluginSource {
  readonly identifier: Identifier;
  readonly declaration: PluginDeclaration;
  /** Reads the stored package; only called when the working folder is not complete. */
  readonly load: () => Promise<readonly PackageFile[]>;
}

/** All that a start of the process needs. */
export interface LaunchPlan {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  /** The whole environment of the process, from an allow-list. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Makes a plugin ready to start on this machine: working folder, interpreter, environment, dependencies, compiled
 * files. Idempotent and safe against a kill -9: what is half-made is never used. Concurrent calls for the same plugin
 * or the same set of dependencies share the work.
 */
export interface Provisioner {
  prepare(
    source: PluginSource,
    options: { readonly report: ReportStage; readonly signal: AbortSignal },
  ): Promise<LaunchPlan>;
  /** Removes the working folder of a plugin that is no longer installed, and environments that nobody uses. */
  discard(identifier: Identifier): Promise<void>;
}

/** Prepares also plugins whose files lie in a folder already, such as their author's. */
export interface FolderProvisioner extends Provisioner {
  prepareFolder(
    plugin: Parameters<LanguageRunner["prepare"]>[0],
    options: {
      readonly report: ReportStage;
      readonly signal: AbortSignal;
      /** What it depends on has changed: what is noted about the folder holds no longer. */
      readonly stale: boolean;
    },
  ): Promise<LaunchPlan>;
}

/** One language: everything between an unpacked package and a command line. `python.ts` and `bun.ts` implement it. */
export interface LanguageRunner {
  /** Values of `meta.runner.language` that it serves. */
  readonly languages: readonly string[];
  prepare(
    plugin: {
      readonly identifier: Identifier;
      readonly declaration: PluginDeclaration;
      readonly folder: string;
    },
    options: { readonly report: ReportStage; readonly signal: AbortSignal },
  ): Promise<LaunchPlan>;
  /** Makes the next preparation of the folder look at its dependencies anew. */
  forget(folder: string): Promise<void>;
}
