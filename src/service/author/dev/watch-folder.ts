import { type FSWatcher, watch } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { IgnoreRules } from "../ignore-rules.ts";

/** Files of a folder and below it, as they change. */
export interface FolderWatch {
  close(): void;
}

export interface WatchFolderOptions {
  /** Asked again for every change of the tree, as the rules may be what has changed. */
  readonly ignored: () => Promise<IgnoreRules>;
  /** Told the paths, relative and with slashes, of what has changed since the last time, once it is quiet. */
  readonly onChange: (paths: readonly string[]) => void;
}

/** An editor writes a file in several steps. */
const QUIET_MS = 40;
/** Whatever goes on, a change is told after so long. */
const MAX_MS = 300;

/**
 * Watches each folder by itself, so that large ones that nobody asks for (`.venv`, `node_modules`) cost nothing, and
 * those that are made later are seen. Rejects where the folder itself cannot be watched.
 */
export async function watchFolder(root: string, options: WatchFolderOptions): Promise<FolderWatch> {
  const watchers = new Map<string, FSWatcher>();
  let changed = new Set<string>();
  let quiet: ReturnType<typeof setTimeout> | undefined;
  let firstAt = 0;
  let closed = false;
  let scanning: Promise<void> = Promise.resolve();

  function note(path: string): void {
    if (changed.size === 0) firstAt = performance.now();
    changed.add(path);
    clearTimeout(quiet);
    const rest = firstAt + MAX_MS - performance.now();
    quiet = setTimeout(() => void tell(), Math.max(0, Math.min(QUIET_MS, rest)));
  }

  function isFolder(path: string): Promise<boolean> {
    return stat(join(root, path)).then(
      (found) => found.isDirectory(),
      () => false,
    );
  }

  async function tell(): Promise<void> {
    const paths = [...changed];
    changed = new Set();
    const ignored = await options.ignored();
    if (closed) return;
    const folders = await Promise.all(paths.map(isFolder));
    const wanted = paths.filter((path, at) => !ignored(path.split("/"), folders[at] === true));
    // What was written into a folder before it was watched belongs to the change that made the folder.
    scanning = scanning.then(() => scan(ignored)).catch(() => undefined);
    if (wanted.length > 0) options.onChange(wanted);
  }

  async function scan(ignored: IgnoreRules): Promise<void> {
    const seen = new Set<string>();
    async function visit(folder: readonly string[]): Promise<void> {
      const key = folder.join("/");
      seen.add(key);
      if (closed) return;
      if (!watchers.has(key)) add(key);
      const entries = await readdir(join(root, key), { withFileTypes: true }).catch(() => []);
      for (const entry of entries) {
        const path = [...folder, entry.name];
        if (entry.isDirectory() && !ignored(path, true)) await visit(path);
      }
    }
    await visit([]);
    for (const [key, watcher] of watchers) {
      if (seen.has(key)) continue;
      watcher.close();
      watchers.delete(key);
    }
  }

  function add(key: string): void {
    try {
      const watcher = watch(join(root, key), (_, name) => {
        if (name !== null) note(key === "" ? name : `${key}/${name}`);
      });
      watcher.on("error", () => {
        watcher.close();
        watchers.delete(key);
      });
      watchers.set(key, watcher);
    } catch (cause) {
      // A folder that is gone again; but without its root there is nothing to watch.
      if (key === "") throw cause;
    }
  }

  await scan(await options.ignored());
  return {
    close() {
      closed = true;
      clearTimeout(quiet);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}
