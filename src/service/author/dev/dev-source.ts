import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assembleDeclaration } from "../../../package/declaration/assemble.ts";
import { startPacer } from "../../../package/pacer.ts";
import { openSourceFiles } from "../../../package/source-files.ts";
import type { PluginDeclaration } from "../../../protocol/declaration.ts";
import { type Identifier, requireIdentifier } from "../../../protocol/identifier.ts";
import { PRIVATE_FOLDER } from "../../../runtime/local/working-folder.ts";
import { listPluginFiles, readIgnoreRules, readPluginFiles } from "../plugin-folder.ts";
import type { IgnoreRules } from "../ignore-rules.ts";

/** What a plugin's folder declares. */
export interface DevSource {
  readonly declaration: PluginDeclaration;
  /** Its checksum says nothing: a folder has none. */
  readonly identifier: Identifier;
  /** Files of `_assets`, by name. */
  readonly assets: ReadonlyMap<string, Uint8Array>;
}

const ASSETS = "_assets/";
/** Never part of a plugin, whatever its ignore file says. */
const NEVER = new Set([PRIVATE_FOLDER, ".git", ".venv", "venv", "node_modules", "__pycache__"]);
/** What an environment is made of. */
const DEPENDENCY_FILES =
  /^(?:pyproject\.toml|uv\.lock|uv\.toml|requirements[^/]*\.txt|package\.json|bun\.lockb?)$/;
const FINGERPRINT = join(PRIVATE_FOLDER, "dev-dependencies.txt");
const NO_CHECKSUM = "0".repeat(64);

/** Reads what declares the plugin: YAML files and assets alone. Throws `bad_request` with what is wrong. */
export async function readDevSource(folder: string): Promise<DevSource> {
  const listed = await listPluginFiles(folder, { skip: (name) => NEVER.has(name) });
  const files = await readPluginFiles(
    folder,
    listed.filter(({ path }) => isDeclaring(path)),
  );
  const declaration = await assembleDeclaration(openSourceFiles(files, startPacer()), false);
  const { author, name, version } = declaration;
  return {
    declaration,
    identifier: requireIdentifier(`${author}/${name}:${version}@${NO_CHECKSUM}`),
    assets: new Map(
      files
        .filter(({ path, bytes }) => path.startsWith(ASSETS) && bytes.length > 0)
        .map(({ path, bytes }) => [path.slice(ASSETS.length), bytes]),
    ),
  };
}

/** Whether a change of this file changes what the plugin declares. */
export function isDeclaring(path: string): boolean {
  return path.startsWith(ASSETS) || /\.ya?ml$/.test(path);
}

/** Whether a change of this file may change what the plugin's environment has to hold. */
export function isDependencyFile(path: string): boolean {
  return DEPENDENCY_FILES.test(path);
}

/** What does not matter to a plugin that runs from its folder: what packing leaves out, and what tools make there. */
export async function devIgnoreRules(folder: string): Promise<IgnoreRules> {
  const packing = await readIgnoreRules(folder);
  return (path, isFolder) => path.some((name) => NEVER.has(name)) || packing(path, isFolder);
}

/** Tells one state of the dependency files from another. */
export async function dependencyFingerprint(folder: string): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  const names = (await readdir(folder)).filter(isDependencyFile).sort();
  for (const name of names) hash.update(`${name}\0`).update(await readFile(join(folder, name)));
  return hash.digest("hex");
}

/** Of the last preparation that succeeded. */
export async function readFingerprint(folder: string): Promise<string | undefined> {
  return readFile(join(folder, FINGERPRINT), "utf8").catch(() => undefined);
}

export async function writeFingerprint(folder: string, fingerprint: string): Promise<void> {
  await writeFile(join(folder, FINGERPRINT), fingerprint);
  // What is noted there is of this machine alone.
  await writeFile(join(folder, PRIVATE_FOLDER, ".gitignore"), "*\n");
}
