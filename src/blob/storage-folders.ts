import { resolve, sep } from "node:path";
import { DaemonError } from "../protocol/daemon-error.ts";

/**
 * The folder of each kind of file below the root of a storage. Throws `startup` when one leads out of the root, or two
 * are equal or lie within one another: files of one kind would be taken for those of another.
 */
export function storageFolders<Kind extends string>(options: {
  readonly root: string;
  readonly prefixes: Readonly<Record<Kind, string>>;
}): Readonly<Record<Kind, string>> {
  const { root, prefixes } = options;
  const folderOf = (kind: Kind): [Kind, string] => {
    if (!isStorageKey(prefixes[kind]))
      throw new DaemonError("startup", `Cannot store ${kind}s below "${prefixes[kind]}" in "${root}"`, {
        hint: "It must be a relative path without a segment that is empty or starts with a dot",
      });
    return [kind, resolve(root, prefixes[kind])];
  };
  const folders = kindsOf(prefixes).map(folderOf);
  for (const [kind, folder] of folders)
    for (const [other, otherFolder] of folders)
      if (kind !== other && `${otherFolder}${sep}`.startsWith(`${folder}${sep}`))
        throw new DaemonError(
          "startup",
          `Cannot store ${kind}s in "${folder}" and ${other}s in "${otherFolder}"`,
          { hint: "Give them folders of which none lies within the other" },
        );
  const byKind: Record<Kind, string> = { ...prefixes };
  for (const [kind, folder] of folders) byKind[kind] = folder;
  return byKind;
}

/** Leading dots are kept for files that are being written, and rule out `.` and `..` with the same stroke. */
export function isStorageKey(key: string): boolean {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  if (/[\\\u0000-\u001f\u007f]/.test(key)) return false;
  return key.split("/").every((segment) => segment !== "" && !segment.startsWith("."));
}

function kindsOf<Kind extends string>(prefixes: Readonly<Record<Kind, string>>): Kind[] {
  const kinds: Kind[] = [];
  for (const kind in prefixes) kinds.push(kind);
  return kinds;
}
