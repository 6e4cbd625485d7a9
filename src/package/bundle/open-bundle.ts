import { DaemonError } from "../../protocol/daemon-error.ts";
import { type ArchiveEntry, openArchive } from "../open-archive.ts";
import { decodeYaml } from "../yaml/decode.ts";
import { type BundleManifest, bundleManifest } from "./manifest.ts";

/** A `.difybndl` whose manifest was read; what else it holds is read when it is asked for. */
export interface OpenBundle {
  readonly manifest: BundleManifest;
  /** In archive order, each name once. */
  readonly entries: readonly ArchiveEntry[];
  /** An entry below `_assets/`, by its name there. */
  asset(name: string): ArchiveEntry | undefined;
}

export const BUNDLE_MANIFEST = "manifest.yaml";
export const BUNDLE_ASSETS = "_assets/";
/** What the YAML reader takes; a larger one need not be inflated to know. */
const MAX_MANIFEST_BYTES = 512 * 1024;

/**
 * Reads directory and manifest of a bundle, in memory or in a file. Throws `bad_request`; a plugin package in its
 * place is refused, too, because whoever sends one means something else.
 */
export async function openBundle(source: Uint8Array | Blob): Promise<OpenBundle> {
  // Only what is asked for is inflated, and that has limits of its own.
  const archive = await openArchive(source, {
    maxUncompressedBytes: Number.MAX_SAFE_INTEGER,
    format: "difybndl",
  });
  // Of entries with one name the first counts.
  const byPath = new Map(archive.entries.toReversed().map((entry) => [entry.path, entry]));
  const manifest = await readManifest(byPath.get(BUNDLE_MANIFEST));
  return {
    manifest,
    entries: archive.entries.filter((entry) => byPath.get(entry.path) === entry),
    asset: (name) => byPath.get(`${BUNDLE_ASSETS}${name}`),
  };
}

async function readManifest(entry: ArchiveEntry | undefined): Promise<BundleManifest> {
  if (!entry) throw new DaemonError("bad_request", `open ${BUNDLE_MANIFEST}: file does not exist`);
  if (entry.uncompressedBytes > MAX_MANIFEST_BYTES)
    throw new DaemonError(
      "bad_request",
      `Cannot read the bundle: ${BUNDLE_MANIFEST} has ${entry.uncompressedBytes} bytes, more than ${MAX_MANIFEST_BYTES}`,
    );
  const manifest = decodeYaml(await entry.read(), bundleManifest);
  if (isPackage(manifest))
    throw new DaemonError(
      "bad_request",
      `Cannot read the bundle: this is a plugin package, "${manifest.author}/${manifest.name}", and no bundle`,
    );
  return manifest;
}

/** Types are never checked at an upload, so a bundle may lack its own; no bundle calls itself a plugin. */
function isPackage(manifest: BundleManifest): boolean {
  return manifest.type === "plugin" || (manifest.dependencies === null && "plugins" in manifest);
}
