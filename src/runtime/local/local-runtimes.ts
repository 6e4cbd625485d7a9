import type { LocalRuntime } from "./local-runtime.ts";

/** The local runtimes of this daemon, one per identifier, made when somebody first asks. */
export interface LocalRuntimes {
  /** The runtime of an identifier; `create` is called when there is none yet. */
  get(identifier: string, create: () => LocalRuntime): LocalRuntime;
  find(identifier: string): LocalRuntime | undefined;
  all(): Iterable<LocalRuntime>;
  /** Stops it after its open calls and forgets it. */
  remove(identifier: string): Promise<void>;
  /** The daemon leaves: all plugins drain together within the limit, then are ended by force. Idempotent. */
  close(options: { readonly drainMs: number }): Promise<void>;
}

export function createLocalRuntimes(): LocalRuntimes {
  const runtimes = new Map<string, LocalRuntime>();
  /** Forgotten, and not over yet: a shutdown must not leave them behind. */
  const leaving = new Set<LocalRuntime>();
  let closing: Promise<void> | undefined;

  return {
    get(identifier, create) {
      let runtime = runtimes.get(identifier);
      if (!runtime) {
        runtime = create();
        runtimes.set(identifier, runtime);
      }
      return runtime;
    },
    find: (identifier) => runtimes.get(identifier),
    all: () => runtimes.values(),
    async remove(identifier) {
      const runtime = runtimes.get(identifier);
      if (!runtime) return;
      runtimes.delete(identifier);
      leaving.add(runtime);
      try {
        await runtime.stop();
      } finally {
        leaving.delete(runtime);
      }
    },
    close({ drainMs }) {
      closing ??= Promise.all(
        [...runtimes.values(), ...leaving].map((runtime) => runtime.stop({ drainMs })),
      ).then(() => undefined);
      return closing;
    },
  };
}
