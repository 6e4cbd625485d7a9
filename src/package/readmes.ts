import type { PackageFile } from "./package.ts";

const ROOT = "README.md";
const TRANSLATED = /^readme\/README_([a-z]{2}_[A-Za-z]{2,})\.md$/;
const DEFAULT_LANGUAGE = "en_US";

/**
 * The readmes of a package by language (contract/plugin-package 3.5). `README.md` is the English one, unless
 * `readme/README_en_US.md` is there, too. Without the former nothing is found at all, as in the reference.
 */
export function readmes(files: readonly PackageFile[]): ReadonlyMap<string, string> {
  const root = files.find(({ path }) => path === ROOT);
  if (!root) return new Map();
  const found = new Map([[DEFAULT_LANGUAGE, decode(root)]]);
  for (const file of files) {
    const language = TRANSLATED.exec(file.path)?.[1];
    if (language) found.set(language, decode(file));
  }
  return found;
}

/** The readme in a language, else in English, else in any; undefined where there is none. */
export function chooseReadme(
  found: ReadonlyMap<string, string>,
  language: string,
): { readonly language: string; readonly content: string } | undefined {
  const [any] = found.keys();
  for (const choice of [language, DEFAULT_LANGUAGE, any]) {
    const content = choice === undefined ? undefined : found.get(choice);
    if (choice !== undefined && content !== undefined) return { language: choice, content };
  }
  return undefined;
}

function decode(file: PackageFile): string {
  return Buffer.from(file.bytes).toString("utf8");
}
