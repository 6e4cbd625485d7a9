import type { EditableManifest } from "./manifest-edit.ts";
import { declaredPermission, type Permissions } from "./plugin-permissions.ts";

const PATH = ["resource", "permission"] as const;

/** Writes permissions into a manifest; those that are the same as before stay as they were written. */
export function changePermissions(
  manifest: Pick<EditableManifest, "decoded" | "set">,
  permissions: Permissions,
): void {
  const before = manifest.decoded.resource.permission;
  const after = declaredPermission(permissions);
  for (const name of ["tool", "model", "node", "endpoint", "app", "storage"] as const) {
    const value = after[name];
    if (value !== undefined) {
      if (!Bun.deepEquals(value, before?.[name])) manifest.set([...PATH, name], { ...value });
    } else if (before?.[name]) manifest.set([...PATH, name, "enabled"], false);
  }
}
