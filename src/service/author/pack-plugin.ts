import { stat } from "node:fs/promises";
import { join } from "node:path";
import { assembleDeclaration } from "../../package/declaration/assemble.ts";
import { manifest } from "../../package/declaration/manifest.ts";
import type { PackageFile, PluginPackage } from "../../package/package.ts";
import { startPacer } from "../../package/pacer.ts";
import { readPackage } from "../../package/read-package.ts";
import { remapIcons } from "../../package/remap-assets.ts";
import { openSourceFiles } from "../../package/source-files.ts";
import { validateUpload } from "../../package/validate-upload.ts";
import { writePackage } from "../../package/write-package.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { PluginDeclaration } from "../../protocol/declaration.ts";
import type { ExportRequirements } from "./export-requirements.ts";
import { manifestProblems } from "../../package/declaration/manifest-problems.ts";
import { type FolderFile, listPluginFiles, readPluginFiles } from "./plugin-folder.ts";
import { isFolder } from "./plugin-source.ts";

export interface PackPluginOptions {
  /** Limit of the sum of uncompressed sizes. */
  readonly maxBytes: number;
  /** Where the package goes, which is not packed itself. */
  readonly output: string;
  readonly exportRequirements: ExportRequirements;
  readonly signal: AbortSignal;
}

export interface PackedPlugin {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly identifier: string;
}

const REQUIREMENTS = "requirements.txt";
const ASSETS = "_assets/";
const LARGEST_SHOWN = 5;

/**
 * Makes the package of a plugin's folder, and proves it: what is returned was read back as an upload reads it.
 *
 * Rejects with `bad_request` listing everything that is wrong: what the strict rules find in the manifest, and what an
 * upload would refuse.
 */
export async function packPlugin(folder: string, options: PackPluginOptions): Promise<PackedPlugin> {
  if (!(await isFolder(folder)))
    throw new DaemonError("bad_request", `Cannot pack "${folder}": it is a file`, {
      hint: "Name the folder of the plugin",
    });
  const listed = await listPluginFiles(folder, { except: options.output });
  checkSize(listed, options.maxBytes);
  const files = await readPluginFiles(folder, listed);
  const declaration = await checkSources(files);
  if (await wantsRequirements(folder, declaration)) {
    const text = await options.exportRequirements(folder, options.signal);
    files.push({ path: REQUIREMENTS, bytes: new TextEncoder().encode(text) });
    files.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
    checkSize(
      files.map(({ path, bytes }) => ({ path, sizeBytes: bytes.length })),
      options.maxBytes,
    );
  }
  const bytes = await writePackage(files);
  const read = await readPackage(bytes, { maxUncompressedBytes: Number.MAX_SAFE_INTEGER, publicKeys: [] });
  return { bytes, identifier: read.identifier.text };
}

function checkSize(files: readonly FolderFile[], maxBytes: number): void {
  const sum = files.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  if (sum <= maxBytes) return;
  const largest = files.toSorted((a, b) => b.sizeBytes - a.sizeBytes).slice(0, LARGEST_SHOWN);
  const lines = largest.map(
    ({ path, sizeBytes }, at) => `${at + 1}. name: ${path}, size: ${sizeBytes} bytes`,
  );
  throw new DaemonError(
    "bad_request",
    [
      `plugin package size is too large, please ensure the uncompressed size is less than ${maxBytes} bytes`,
      `it has ${sum} bytes, and the largest files are:`,
      ...lines,
    ].join("\n"),
    { hint: "Exclude what the plugin does not need in .difyignore, or raise --max-size" },
  );
}

/** Throws `bad_request` with all problems of the files, a line each. */
async function checkSources(files: readonly PackageFile[]): Promise<PluginDeclaration> {
  const problems: string[] = [];
  const source = openSourceFiles(files, startPacer());
  // What cannot be decoded at all stops here: nothing else can be said about it.
  problems.push(...manifestProblems(await source.decode("manifest.yaml", manifest)));
  if (!files.some(({ path }) => path.startsWith(ASSETS)))
    problems.push("_assets: the folder is missing, or all of it is ignored");
  let declaration: PluginDeclaration | undefined;
  try {
    declaration = await assembleDeclaration(source, false);
    problems.push(...uploadProblems(declaration, files));
  } catch (error) {
    problems.push(explain(error));
  }
  if (declaration === undefined || problems.length > 0)
    throw new DaemonError("bad_request", ["Cannot pack the plugin:", ...problems].join("\n"), {
      hint: "Nothing was written; correct these and pack again",
    });
  return declaration;
}

/** What an upload would refuse, beside what keeps it from being read. */
function uploadProblems(declaration: PluginDeclaration, files: readonly PackageFile[]): string[] {
  const problems: string[] = [];
  try {
    validateUpload({ declaration });
  } catch (error) {
    // Only the rule itself: the lines behind it tell what an upload was doing.
    problems.push(explain(error).split("\n", 1)[0] ?? "");
  }
  for (const name of missingIcons(declaration, files))
    problems.push(
      `_assets/${name}: an icon of this name is wanted, and the file is missing or excluded by the ignore file`,
    );
  return problems;
}

/** Names of the icons that an upload would look for in vain. */
function missingIcons(declaration: PluginDeclaration, files: readonly PackageFile[]): ReadonlySet<string> {
  const missing = new Set<string>();
  const assets: PluginPackage["assets"] = new Map(
    files
      .filter(({ path }) => path.startsWith(ASSETS))
      .map(({ path, bytes }) => [path.slice(ASSETS.length), bytes]),
  );
  // It stops at the first; with an empty one in its place it goes on to the next.
  const lenient = Object.assign(new Map(assets), {
    get(name: string) {
      const bytes = assets.get(name);
      if (!bytes) missing.add(name);
      return bytes ?? new Uint8Array();
    },
  });
  remapIcons(declaration, lenient);
  return missing;
}

/** A lock without the file that older runtimes read; one that is there and ignored stays away on purpose. */
async function wantsRequirements(folder: string, declaration: PluginDeclaration): Promise<boolean> {
  if (declaration.meta.runner.language !== "python") return false;
  const there = await Promise.all(
    [REQUIREMENTS, "pyproject.toml", "uv.lock"].map((name) =>
      stat(join(folder, name)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return there[0] === false && there[1] === true && there[2] === true;
}

function explain(error: unknown): string {
  if (error instanceof DaemonError) return error.message;
  throw error;
}
