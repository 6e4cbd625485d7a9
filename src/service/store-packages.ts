import type { BlobKind, BlobStore } from "../blob/blob-store.ts";
import type { RemappedAssets } from "../package/package.ts";
import { categoryOf, type PluginDeclaration, type Verification } from "../protocol/declaration.ts";
import type { Identifier } from "../protocol/identifier.ts";
import type { DeclarationStore } from "../store/store.ts";
import type { PackageGuard } from "./package-guard.ts";

export interface StorePackagesDeps {
  readonly declarations: Pick<DeclarationStore, "get" | "save" | "removeIfUnreferenced">;
  readonly blobs: Pick<BlobStore, "has" | "get" | "put" | "delete">;
  readonly guard: PackageGuard;
}

/** A package that was checked. */
export interface PackageToStore {
  readonly identifier: Identifier;
  /** Icons are asset ids. */
  readonly declaration: PluginDeclaration;
  readonly verification: Verification | null;
  readonly assetIds: readonly string[];
  readonly sizeBytes: number;
  /** Asked when its turn has come, so that of many packages only one is in memory. May be asked twice. */
  content(): Promise<PackageContent>;
}

export interface PackageContent {
  /** Undefined for a plugin that came without one, over a debugging connection. */
  readonly bytes: Uint8Array | Blob | undefined;
  readonly assets: RemappedAssets["assets"];
}

/**
 * Stores packages with their assets and declarations, all or none (contract/lifecycle 3.1, 3.2): what was stored goes
 * again, in reverse order, when the rest cannot be. Nobody else stores or removes one of them meanwhile.
 */
export type StorePackages = (packages: readonly PackageToStore[]) => Promise<void>;

export function createStorePackages({ declarations, blobs, guard }: StorePackagesDeps): StorePackages {
  async function storeAll(packages: readonly PackageToStore[]): Promise<void> {
    const journals = packages.map((pkg): Journal => ({
      pkg,
      created: [],
      earlier: undefined,
      hasRow: false,
    }));
    try {
      const known: Journal[] = [];
      for (const journal of journals)
        if (await blobs.has("package", journal.pkg.identifier.text)) known.push(journal);
        else await storeContent(journal);
      for (const journal of journals) await saveDeclaration(journal);
      // Replaced last, so that their earlier bytes are rarely needed again.
      for (const journal of known) {
        const key = journal.pkg.identifier.text;
        if (journal !== known.at(-1)) journal.earlier = await blobs.get("package", key);
        await storeContent(journal);
      }
    } catch (cause) {
      await rollBack(journals);
      throw cause;
    }
  }

  async function storeContent({ pkg, created }: Journal): Promise<void> {
    const { bytes, assets } = await pkg.content();
    const put = async (kind: BlobKind, key: string, content: Uint8Array | Blob) => {
      if (!(await blobs.has(kind, key))) created.push([kind, key]);
      await blobs.put(kind, key, content);
    };
    for (const [id, content] of assets) await put("asset", id, content);
    if (bytes) await put("package", pkg.identifier.text, bytes);
  }

  async function saveDeclaration(journal: Journal): Promise<void> {
    const { pkg } = journal;
    const identifier = pkg.identifier.text;
    const isNew = !(await declarations.get(identifier));
    await declarations.save({
      identifier,
      pluginId: pkg.identifier.pluginId,
      category: categoryOf(pkg.declaration),
      declaration: pkg.declaration,
      verification: pkg.verification,
      packageBytes: pkg.sizeBytes,
      assetIds: pkg.assetIds,
    });
    journal.hasRow = isNew;
  }

  /** Never throws: the failure of the upload is what the caller has to see, and it may well break this, too. */
  async function rollBack(journals: readonly Journal[]): Promise<void> {
    const needed = new Set<string>();
    for (const { pkg, created, earlier, hasRow } of journals.toReversed()) {
      const identifier = pkg.identifier.text;
      if (hasRow && !(await attempt(() => removeDeclaration(identifier)))) {
        for (const id of pkg.assetIds) needed.add(id);
        continue;
      }
      if (earlier) await attempt(() => blobs.put("package", identifier, earlier));
      for (const [kind, key] of created.toReversed())
        if (!needed.has(key)) await attempt(() => blobs.delete(kind, key));
    }
  }

  /** Answers whether it is gone; somebody may have begun to install it. */
  async function removeDeclaration(identifier: string): Promise<boolean> {
    return (await declarations.removeIfUnreferenced(identifier)) !== undefined;
  }

  return (packages) =>
    guard.alone(
      packages.flatMap(({ identifier, assetIds }) => [identifier.text, ...assetIds]),
      () => storeAll(packages),
    );
}

/** What was done for a package. */
interface Journal {
  readonly pkg: PackageToStore;
  /** Blobs that were not there before, in order. */
  readonly created: (readonly [BlobKind, string])[];
  /** The package that was there before; it differs in its container only. */
  earlier: Uint8Array | undefined;
  /** Its declaration was not there before. */
  hasRow: boolean;
}

/** What `work` answers, true where it answers nothing, and false where it fails. */
async function attempt(work: () => Promise<boolean | void>): Promise<boolean> {
  try {
    return (await work()) ?? true;
  } catch {
    // What is left goes with the garbage collection of the next start.
    return false;
  }
}
