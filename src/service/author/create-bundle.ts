import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import type { BundleProfile } from "./change-bundle.ts";
import { createFolder } from "./create-folder.ts";
import { writeNewFiles } from "./write-new-files.ts";

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64" viewBox="0 0 64 64" fill="none">
  <path d="M8 20 32 8l24 12v24L32 56 8 44V20Z" stroke="#155EEF" stroke-width="4" stroke-linejoin="round"/>
  <path d="m8 20 24 12 24-12M32 32v24" stroke="#155EEF" stroke-width="4" stroke-linejoin="round"/>
</svg>
`;

/** Makes the folder of a new bundle, by its name, as `createFolder()` does; also gives up when the signal says so. */
export async function createBundle(
  parent: string,
  profile: BundleProfile,
  options: { readonly signal: AbortSignal },
): Promise<string> {
  return createFolder(parent, profile.name, async (folder) => {
    await writeNewFiles(folder, filesOf(profile), options);
    await mkdir(join(folder, ".github", "workflows"), { recursive: true });
  });
}

function filesOf({ name, author, description }: BundleProfile): ReadonlyMap<string, string> {
  const manifest = {
    name,
    labels: { en_US: name },
    description: { en_US: description },
    icon: "icon.svg",
    version: "0.0.1",
    author,
    type: "bundle",
    dependencies: [],
    tags: [],
  };
  return new Map([
    ["manifest.yaml", stringify(manifest, { lineWidth: 0 })],
    ["README.md", `# ${name}\n\n**Author:** ${author}  \n**Version:** 0.0.1\n\n${description}\n`],
    ["_assets/icon.svg", ICON],
  ]);
}
