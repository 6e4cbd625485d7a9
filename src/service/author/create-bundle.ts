import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { errorCode } from "../../lib/system-error.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { BundleProfile } from "./change-bundle.ts";
import { writeNewFiles } from "./write-new-files.ts";

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64" viewBox="0 0 64 64" fill="none">
  <path d="M8 20 32 8l24 12v24L32 56 8 44V20Z" stroke="#155EEF" stroke-width="4" stroke-linejoin="round"/>
  <path d="m8 20 24 12 24-12M32 32v24" stroke="#155EEF" stroke-width="4" stroke-linejoin="round"/>
</svg>
`;

/**
 * Makes the folder of a new bundle, by its name, and answers its path. When something goes wrong, or the signal says
 * so, the folder is removed again. Throws `bad_request` where there is a file or folder of that name.
 */
export async function createBundle(
  parent: string,
  profile: BundleProfile,
  options: { readonly signal: AbortSignal },
): Promise<string> {
  const folder = join(parent, profile.name);
  try {
    await mkdir(folder);
  } catch (cause) {
    const code = errorCode(cause) ?? String(cause);
    const why = code === "EEXIST" ? "there is something of this name already" : code;
    throw new DaemonError("bad_request", `Cannot make the folder "${folder}": ${why}`, { cause });
  }
  try {
    await writeNewFiles(folder, filesOf(profile), options);
    await mkdir(join(folder, ".github", "workflows"), { recursive: true });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return folder;
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
