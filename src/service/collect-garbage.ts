import type { BlobKind, BlobStore } from "../blob/blob-store.ts";
import type { Logger } from "../lib/logger.ts";
import type { DeclarationStore, InstallationStore } from "../store/store.ts";
import { type PackageGuard, processOf } from "./package-guard.ts";

/** Keys of blobs that are looked up at once. */
const ORPHAN_BATCH = 500;

/** Working folders and environments; the runtime stands behind it. */
export interface PluginFolders {
  /** Removes the working folder, and environments that nobody uses any more. Also succeeds when there is none. */
  discard(identifier: string): Promise<void>;
}

export interface CollectGarbageDeps {
  readonly declarations: Pick<DeclarationStore, "get" | "unreferenced" | "removeIfUnreferenced" | "orphans">;
  readonly installations: Pick<InstallationStore, "isInstalled">;
  readonly blobs: Pick<BlobStore, "list" | "delete">;
  readonly folders: PluginFolders;
  readonly guard: PackageGuard;
  readonly logger: Logger;
  /** How long a package stays after its upload and after its last installation went. */
  readonly graceMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Removes what nobody uses any more, after its grace period: working folders, declarations, packages and assets.
 * The first run also removes what a kill -9 left between the bytes of a package and its row. Answers the identifiers
 * that are gone.
 */
export type CollectGarbage = () => Promise<readonly string[]>;

export function createCollectGarbage(deps: CollectGarbageDeps): CollectGarbage {
  const { declarations, installations, blobs, folders, guard, logger } = deps;
  let orphansRemoved = false;

  async function removeOrphans(kind: BlobKind): Promise<void> {
    for await (const keys of batches(blobs.list(kind), ORPHAN_BATCH))
      for (const key of await declarations.orphans(kind, keys))
        await guard.alone([key], async () => {
          // An upload that was storing it a moment ago has written its row by now.
          const [orphan] = await declarations.orphans(kind, [key]);
          if (orphan !== undefined) await blobs.delete(kind, orphan);
        });
  }

  /** Answers whether it is gone. */
  async function remove(identifier: string, before: Date): Promise<boolean> {
    const row = await declarations.get(identifier);
    if (!row) return false;
    return guard.alone([identifier, processOf(identifier), ...row.assetIds], async () => {
      if (guard.isHeld(identifier) || (await installations.isInstalled(identifier))) return false;
      // While others were removed it may have been uploaded anew, for an installation that is still to come.
      if (!(await declarations.unreferenced(before)).includes(identifier)) return false;
      // The row goes after the folders: a collector that is killed in between finds its way back here.
      await folders.discard(identifier);
      const assets = await declarations.removeIfUnreferenced(identifier);
      if (!assets) return false;
      await blobs.delete("package", identifier);
      for (const asset of assets) await blobs.delete("asset", asset);
      return true;
    });
  }

  return async () => {
    if (!orphansRemoved) {
      await removeOrphans("package");
      await removeOrphans("asset");
      orphansRemoved = true;
    }
    const gone: string[] = [];
    const before = new Date(deps.now() - deps.graceMs);
    for (const identifier of await declarations.unreferenced(before)) {
      try {
        if (await remove(identifier, before)) gone.push(identifier);
      } catch (cause) {
        // The others are due all the same; this one is tried again by the next run.
        logger.warn("Cannot remove a package that is not in use", { identifier, error: cause });
      }
    }
    if (gone.length > 0) logger.info("Removed packages that were not in use", { identifiers: gone });
    return gone;
  };
}

async function* batches<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<readonly T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
