/** Longer ones could not be written below any folder. */
const MAX_PATH_BYTES = 1024;

/** A cleaned path, or why the name makes its package unusable. */
export type EntryPath =
  { readonly ok: true; readonly path: string } | { readonly ok: false; readonly reason: string };

/**
 * The path of an archive entry: `/`-separated, relative, without `.` and empty components
 * (contract/plugin-package 1.2). Refused are names that are absolute, climb (`..`), are folders, have a backslash or
 * a NUL byte, name nothing or are longer than a file system takes.
 */
export function cleanEntryPath(name: string): EntryPath {
  const refuse = (reason: string): EntryPath => ({ ok: false, reason });
  if (name.includes("\\")) return refuse(`open ${name}: file does not exist`);
  if (Buffer.byteLength(name) > MAX_PATH_BYTES)
    return refuse(`open ${name.slice(0, 100)}…: file name too long`);
  const components = name.split("/");
  if (name === "" || name.startsWith("/") || name.includes("\0") || components.includes(".."))
    return refuse(`open ${name}: invalid argument`);
  const kept = components.filter((component) => component !== "" && component !== ".");
  if (/(^|\/)\.?$/.test(name)) return refuse(`read ${kept.join("/") || "."}: is a directory`);
  return { ok: true, path: kept.join("/") };
}

/** True for a path as it may stand in a declaration: what cleaning would not change. */
export function isCleanPath(path: string): boolean {
  const cleaned = cleanEntryPath(path);
  return cleaned.ok && cleaned.path === path;
}
