import type { RunStep } from "../../../lib/step.ts";
import type { DependencySource } from "./dependency-source.ts";
import type { Pin, Resolution } from "./distribution.ts";
import type { Interpreter } from "./interpreter.ts";

/** Where a plugin's dependencies are worked on. */
export interface InstallContext {
  /** The plugin's folder; relative paths in its files are meant from here. */
  readonly folder: string;
  readonly interpreter: Interpreter;
  readonly source: DependencySource;
  readonly signal: AbortSignal;
  /** One line of progress. */
  readonly report: (line: string) => void;
  readonly step: RunStep;
}

/** uv, or venv and pip. All reject with a `DaemonError`, or with the signal's reason. */
export interface Installer {
  /** For records and logs: `uv` or `pip`. */
  readonly name: string;
  /** Looks up what `source` (not a lock) comes down to; `file` is a requirements file, or pyproject.toml. */
  resolve(file: string, context: InstallContext): Promise<Pin[]>;
  /** Makes an environment at `path`, which does not exist, with all of the resolution in it, compiled. */
  build(path: string, resolution: Resolution, context: InstallContext): Promise<void>;
}

/** What users see before the cause (contract/lifecycle 4.3.1). */
export const FAILED_TO_INSTALL = "failed to install dependencies";
export const FAILED_TO_CREATE = "failed to create virtual environment";
