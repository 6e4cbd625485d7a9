import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { HostEnvironment } from "../clean-environment.ts";
import type { InterpreterOrigin } from "./interpreter.ts";

/** A program that may be a Python. */
export interface PythonPlace {
  readonly path: string;
  readonly origin: InterpreterOrigin;
}

const PYTHON_NAME = /^python(?:3(?:\.\d+)?)?$/;
const SYSTEM_FOLDERS = ["/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"];

/**
 * Programs on this machine whose names say Python, in order of trust: PATH, those that uv manages, pyenv's, the
 * system's. Shims of pyenv are left out, for the versions behind them are listed.
 */
export async function listPythonPlaces(
  host: HostEnvironment,
  options: { readonly installPath: string },
): Promise<PythonPlace[]> {
  const folders = (host["PATH"] ?? "").split(":").filter((folder) => folder.startsWith("/"));
  const shims = folders.filter(isPyenvShims);
  const pyenvRoots = new Set([
    ...present(host["PYENV_ROOT"]),
    ...home(host, ".pyenv"),
    ...shims.map((f) => dirname(f)),
  ]);
  const uvRoots = new Set([
    options.installPath,
    ...present(host["UV_PYTHON_INSTALL_DIR"]),
    ...present(host["XDG_DATA_HOME"]).map((folder) => join(folder, "uv/python")),
    ...home(host, ".local/share/uv/python"),
  ]);
  const lists = await Promise.all([
    ...folders.filter((folder) => !isPyenvShims(folder)).map((folder) => inFolder(folder, "path")),
    ...[...uvRoots].map((root) => inVersions(root, "uv")),
    ...[...pyenvRoots].map((root) => inVersions(join(root, "versions"), "pyenv")),
    ...SYSTEM_FOLDERS.map((folder) => inFolder(folder, "system")),
  ]);
  const seen = new Set<string>();
  return lists.flat().filter(({ path }) => !seen.has(path) && seen.add(path));
}

/** Programs called `name` on the PATH, in its order; for a shim of pyenv, the programs behind it. */
export async function onPath(name: string, host: HostEnvironment): Promise<string[]> {
  const folders = (host["PATH"] ?? "").split(":").filter((folder) => folder.startsWith("/"));
  const found = await Promise.all(
    folders.map(async (folder) => {
      if (!(await entries(folder)).includes(name)) return [];
      if (!isPyenvShims(folder)) return [join(folder, name)];
      const versions = join(dirname(folder), "versions");
      const candidates = (await newestFirst(versions)).map((version) => join(versions, version, "bin", name));
      const there = await Promise.all(candidates.map((path) => Bun.file(path).exists()));
      return candidates.filter((_, at) => there[at]);
    }),
  );
  return found.flat();
}

async function inFolder(folder: string, origin: InterpreterOrigin): Promise<PythonPlace[]> {
  const names = (await entries(folder)).filter((name) => PYTHON_NAME.test(name));
  return names.toSorted(newerName).map((name) => ({ path: join(folder, name), origin }));
}

/** `<root>/<version>/bin/python3`, newest first. */
async function inVersions(root: string, origin: InterpreterOrigin): Promise<PythonPlace[]> {
  const paths = (await newestFirst(root)).map((version) => join(root, version, "bin/python3"));
  const there = await Promise.all(paths.map((path) => Bun.file(path).exists()));
  return paths.filter((_, at) => there[at]).map((path) => ({ path, origin }));
}

async function newestFirst(folder: string): Promise<string[]> {
  return (await entries(folder)).toSorted(newerName);
}

function newerName(a: string, b: string): number {
  return b.localeCompare(a, "en", { numeric: true });
}

async function entries(folder: string): Promise<string[]> {
  // A folder that is not there, or may not be read, has nothing for us.
  return readdir(folder).catch(() => []);
}

function isPyenvShims(folder: string): boolean {
  return basename(folder) === "shims" && /pyenv/i.test(folder);
}

function present(value: string | undefined): string[] {
  return value ? [value] : [];
}

function home(host: HostEnvironment, path: string): string[] {
  return host["HOME"] ? [join(host["HOME"], path)] : [];
}
