/** How memory limits are enforced on this machine. */
export interface MemoryLimits {
  readonly kind: "cgroup-v2" | "cgroup-v1" | "watcher" | "none";
  /** One line for the start-up message. */
  readonly detail: string;
}

/** The limit of one process, from before its start until after its end. */
export interface MemoryGuard {
  /** Folder of the cgroup in which the process must be born; undefined where there is none. */
  readonly cgroup: string | undefined;
  /** The process runs as leader of its own group. Called at most once. */
  attach(pid: number): void;
  /**
   * The process has ended, or never started. Kills what it left behind, as far as that is known, frees everything,
   * and says whether the limit killed a process of the tree. Called once.
   */
  release(): boolean;
}

/** Makes guards. One for all plugins of a daemon. */
export interface MemoryLimiter extends MemoryLimits {
  /** `limitBytes` 0 means no limit. Never throws: a limit that cannot be had is replaced by the next best. */
  guard(limitBytes: number): MemoryGuard;
  /** Resolves when everything that guards left on the machine is gone. Idempotent. */
  close(): Promise<void>;
}

/**
 * Memory that a plugin may use, in bytes: what its manifest asks for, and never less than the operator's floor,
 * because real manifests ask for as little as 1 MiB. A floor of 0 turns limits off; 0 is the answer then.
 */
export function memoryLimitOf(declaredBytes: number, floorBytes: number): number {
  return floorBytes <= 0 ? 0 : Math.max(declaredBytes, floorBytes);
}
