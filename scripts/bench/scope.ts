import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { settlesWithin } from "../../src/lib/deadline.ts";

/** All that a run started and made, so that nothing of it stays, whatever happens. */
export interface Scope {
  folder(): Promise<string>;
  /** Ends the child at the close, unless the returned function is called before: it has ended then. */
  adopt(child: Bun.Subprocess): () => void;
  /** A scope within this one, which may be closed before. */
  nest(): Scope;
  /** In reverse order. Idempotent. */
  close(): Promise<void>;
}

/** A daemon drains its plugins first. */
const TERM_MS = 8000;

export function createScope(): Scope {
  const undos = new Set<() => Promise<void>>();
  let closing: Promise<void> | undefined;

  async function closeAll(): Promise<void> {
    for (const undo of [...undos].toReversed()) {
      try {
        await undo();
      } catch (error) {
        console.error(error);
      }
    }
  }

  function remember(undo: () => Promise<void>): () => void {
    undos.add(undo);
    return () => void undos.delete(undo);
  }

  return {
    async folder() {
      const path = await mkdtemp(join(tmpdir(), "plugd-bench-"));
      remember(() => rm(path, { recursive: true, force: true }));
      return path;
    },
    adopt(child) {
      // Somebody pressed Ctrl-C meanwhile.
      if (closing !== undefined) child.kill("SIGKILL");
      return remember(() => endChild(child));
    },
    nest() {
      const inner = createScope();
      remember(() => inner.close());
      return inner;
    },
    close: () => (closing ??= closeAll()),
  };
}

/** Resolves when the process has ended. */
export async function endChild(child: Bun.Subprocess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  if (!(await settlesWithin(child.exited, TERM_MS))) child.kill("SIGKILL");
  await child.exited;
}
