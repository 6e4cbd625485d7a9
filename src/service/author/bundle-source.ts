import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeFileAtomic } from "../../lib/atomic-file.ts";
import { errorCode, hasCode } from "../../lib/system-error.ts";
import { BUNDLE_ASSETS, BUNDLE_MANIFEST, openBundle } from "../../package/bundle/open-bundle.ts";
import { isCleanPath } from "../../package/entry-path.ts";
import type { PackageFile } from "../../package/package.ts";
import { writePackage } from "../../package/write-package.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { isFolder } from "./plugin-source.ts";

/** A bundle that an author works on: a folder, or a `.difybndl`. */
export interface BundleSource {
  readonly manifest: Uint8Array;
  /** Bytes of an asset; undefined where there is none of that name. */
  asset(name: string): Promise<Uint8Array | undefined>;
  /** What goes into its package, in the byte order of paths: the manifest, assets and readmes. */
  files(): Promise<PackageFile[]>;
  save(changes: BundleChanges): Promise<void>;
}

export interface BundleChanges {
  readonly manifest: string;
  /** Asset that is written before the manifest. */
  readonly added?: { readonly name: string; readonly bytes: Uint8Array };
  /** Asset that nothing names any more; a folder keeps it. */
  readonly unused?: string;
}

/** Throws `bad_request` where there is neither, naming what else it is. */
export async function openBundleSource(path: string): Promise<BundleSource> {
  return (await isFolder(path)) ? openFolder(path) : openFile(path);
}

async function openFolder(folder: string): Promise<BundleSource> {
  const manifestPath = join(folder, BUNDLE_MANIFEST);
  return {
    manifest: await attempt("read", manifestPath, () => readFile(manifestPath)),
    asset: (name) => readAsset(folder, name),
    async files() {
      const assets = await listFiles(folder, BUNDLE_ASSETS.slice(0, -1));
      const readmes = (await listFiles(folder, "")).filter((path) => path.startsWith("README"));
      return inOrder(
        await Promise.all(
          [BUNDLE_MANIFEST, ...readmes, ...assets].map(async (path) => ({
            path,
            bytes: await attempt("read", path, () => readFile(join(folder, path))),
          })),
        ),
      );
    },
    async save({ manifest, added }) {
      if (added) {
        const path = join(folder, BUNDLE_ASSETS, added.name);
        await attempt("write", path, async () => {
          await mkdir(dirname(path), { recursive: true });
          await writeFileAtomic(path, added.bytes);
        });
      }
      await attempt("write", manifestPath, () => writeFileAtomic(manifestPath, manifest));
    },
  };
}

async function openFile(path: string): Promise<BundleSource> {
  const bundle = await openBundle(await attempt("read", path, () => readFile(path)));
  const entries = await Promise.all(
    bundle.entries.map(async (entry) => ({ path: entry.path, bytes: await entry.read() })),
  );
  const bytesOf = (name: string) => entries.find((entry) => entry.path === name)?.bytes;
  return {
    manifest: bytesOf(BUNDLE_MANIFEST) ?? new Uint8Array(),
    asset: (name) => Promise.resolve(bytesOf(`${BUNDLE_ASSETS}${name}`)),
    files: () => Promise.resolve(inOrder(entries.filter(({ path }) => belongsToBundle(path)))),
    async save({ manifest, added, unused }) {
      const kept = entries
        .filter(
          (entry) =>
            entry.path !== `${BUNDLE_ASSETS}${unused}` && entry.path !== `${BUNDLE_ASSETS}${added?.name}`,
        )
        .map((entry) =>
          entry.path === BUNDLE_MANIFEST
            ? { path: entry.path, bytes: new TextEncoder().encode(manifest) }
            : entry,
        );
      const asset = added && { path: `${BUNDLE_ASSETS}${added.name}`, bytes: added.bytes };
      const bytes = await writePackage(asset ? [...kept, asset] : kept);
      await attempt("write", path, () => writeFileAtomic(path, bytes));
    },
  };
}

function belongsToBundle(path: string): boolean {
  return (
    path === BUNDLE_MANIFEST ||
    path.startsWith(BUNDLE_ASSETS) ||
    (path.startsWith("README") && !path.includes("/"))
  );
}

async function readAsset(folder: string, name: string): Promise<Uint8Array | undefined> {
  if (!isCleanPath(name)) return undefined;
  try {
    return await readFile(join(folder, BUNDLE_ASSETS, name));
  } catch (cause) {
    if (hasCode(cause, "ENOENT", "ENOTDIR", "EISDIR")) return undefined;
    throw unusable("read", `${BUNDLE_ASSETS}${name}`, cause);
  }
}

/** Files directly in the root of a bundle, or anywhere below its folder of assets; links to files count as files. */
async function listFiles(root: string, below: string): Promise<string[]> {
  let names: string[];
  try {
    names = await readdir(join(root, below), { recursive: below !== "" });
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return [];
    throw unusable("list", below || root, cause);
  }
  const paths = names.map((name) => (below === "" ? name : `${below}/${name}`));
  const found = await Promise.all(
    paths.map(async (path) => (await attempt("read", path, () => stat(join(root, path)))).isFile()),
  );
  return paths.filter((_, at) => found[at] === true);
}

function inOrder(files: readonly PackageFile[]): PackageFile[] {
  return files.toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

async function attempt<T>(action: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw unusable(action, path, cause);
  }
}

function unusable(action: string, path: string, cause: unknown): DaemonError {
  const reason = errorCode(cause) ?? String(cause);
  return new DaemonError("bad_request", `Cannot ${action} "${path}": ${reason}`, { cause });
}
