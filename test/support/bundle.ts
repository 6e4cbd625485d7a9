import { packZip, TINY, tinyPackage } from "./pack.ts";

/** A `.difybndl` to be written; everything may be wrong. */
export interface BundleParts {
  /** Lines below `dependencies:`; default: one package for each asset but the icon. */
  readonly dependencies?: readonly string[];
  /** In place of the whole manifest; null leaves it out. */
  readonly manifest?: string | null;
  /** By their names below `_assets/`. */
  readonly assets?: Readonly<Record<string, Uint8Array | string>>;
  /** Further entries, with their whole names. */
  readonly others?: Readonly<Record<string, Uint8Array | string>>;
}

export const GITHUB_LINE = "{type: github, value: {repo_pattern: 'gold/repo:1.0.0/a.difypkg'}}";
export const MARKETPLACE_LINE = "{type: marketplace, value: {marketplace_pattern: 'gold/market:^0.0.1'}}";
export const packageLine = (path: string) => `{type: package, value: {path: '${path}'}}`;

export function bundleManifestText(dependencies: readonly string[]): string {
  const list = dependencies.map((line) => `  - ${line}\n`).join("");
  return (
    "name: box\nlabels: {en_US: Box}\ndescription: {en_US: A bundle}\nicon: icon.svg\nversion: 0.0.1\nauthor: gold\n" +
    `type: bundle\ntags: [agent]\ndependencies:${list === "" ? " []\n" : `\n${list}`}`
  );
}

export function packBundle({
  dependencies,
  manifest,
  assets = {},
  others = {},
}: BundleParts = {}): Uint8Array<ArrayBuffer> {
  const lines = dependencies ?? Object.keys(assets).map(packageLine);
  const text = manifest === undefined ? bundleManifestText(lines) : manifest;
  return new Uint8Array(
    packZip([
      { name: "_assets/icon.svg", data: "<svg/>" },
      ...Object.entries(assets).map(([name, data]) => ({ name: `_assets/${name}`, data, method: 0 })),
      ...Object.entries(others).map(([name, data]) => ({ name, data })),
      ...(text === null ? [] : [{ name: "manifest.yaml", data: text }]),
    ]),
  );
}

/** The tiny package under another name, with an icon of its own. */
export function namedPackage(name: string, author = "a", icon = `<svg id="${name}"/>`): Uint8Array {
  return tinyPackage({
    "manifest.yaml": (TINY["manifest.yaml"] ?? "")
      .replace("author: a\n", `author: ${author}\n`)
      .replace("name: n\n", `name: ${name}\n`),
    "_assets/i.svg": icon,
  });
}
