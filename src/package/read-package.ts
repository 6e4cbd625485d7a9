import { DaemonError } from "../protocol/daemon-error.ts";
import type { PluginDeclaration } from "../protocol/declaration.ts";
import { type Identifier, parseIdentifier } from "../protocol/identifier.ts";
import { readArchive } from "./archive.ts";
import { checksumOf } from "./checksum.ts";
import { assembleDeclaration } from "./declaration/assemble.ts";
import type { PackageFile, PluginPackage, ReadPackageOptions } from "./package.ts";
import { startPacer } from "./pacer.ts";
import { verifyArchive } from "./signature.ts";
import { openSourceFiles } from "./source-files.ts";

const ASSETS = "_assets/";

/**
 * Reads a `.difypkg`, in memory or in a file: archive, declaration, checksum, identifier, signature.
 *
 * As lenient as the reference is at upload: types of values are checked, their limits are not
 * (contract/plugin-package 0); `validateUpload` has the rules between them. Throws `bad_request` with the texts of
 * the reference. Gives way to the event loop between files.
 */
export async function readPackage(
  file: Uint8Array | Blob,
  options: ReadPackageOptions,
): Promise<PluginPackage> {
  const archive = await readArchive(file, options);
  const verification = verifyArchive(archive, options.publicKeys);
  const source = openSourceFiles(archive.files, startPacer());
  const declaration = await assembleDeclaration(source, verification !== null);
  return {
    identifier: identify(declaration, archive.files),
    declaration,
    verification,
    files: archive.files,
    assets: new Map(
      archive.files
        .filter(({ path }) => path.startsWith(ASSETS))
        .map(({ path, bytes }) => [path.slice(ASSETS.length), bytes]),
    ),
    sizeBytes: file instanceof Uint8Array ? file.length : file.size,
  };
}

function identify(declaration: PluginDeclaration, files: readonly PackageFile[]): Identifier {
  const { author, name, version } = declaration;
  const text = `${author ? `${author}/` : ""}${name}:${version}@${checksumOf(files)}`;
  const identifier = parseIdentifier(text);
  // Here the identifier is the package's, not the caller's; hence no `invalid_identifier`.
  if (!identifier) throw new DaemonError("bad_request", `plugin_unique_identifier is not valid: ${text}`);
  return identifier;
}
