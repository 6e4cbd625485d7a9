/**
 * The seam between what a plugin needs and how its process comes to life. A plain spawn stands behind it today;
 * nothing above may assume that the process is our direct child.
 */
export interface ProcessStarter {
  /** Resolves when the process runs. Rejects with a `DaemonError` when it cannot be started. */
  start(spec: ProcessSpec): Promise<PluginProcess>;
}

export interface ProcessSpec {
  /** Program and arguments; the program is an absolute path. */
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly limits: ProcessLimits;
}

export interface ProcessLimits {
  /** Resident memory of the whole process tree in bytes; 0 means no limit. */
  readonly memoryBytes: number;
}

/** Why a process ended. */
export interface ProcessExit {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** The memory limit ended it. */
  readonly outOfMemory: boolean;
}

export interface PluginProcess {
  readonly pid: number;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /**
   * Resolves when the pipe has taken the bytes; rejects once the process is gone. What the signal aborts before its turn
   * is dropped, and rejects with the signal.
   */
  write(text: string, signal?: AbortSignal): Promise<void>;
  /** Resolves when the process has really ended. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** Signals the whole process group. Harmless after the end. */
  signal(name: "SIGTERM" | "SIGKILL"): void;
}
