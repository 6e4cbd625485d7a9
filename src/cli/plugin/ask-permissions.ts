import {
  type PermissionName,
  PERMISSIONS,
  type Permissions,
  togglePermission,
} from "../../service/author/plugin-permissions.ts";
import type { Form } from "../form/form.ts";

/** Lets the user switch permissions on and off. */
export function askPermissions(form: Form, before: Permissions): Promise<Permissions> {
  const names: readonly PermissionName[] = PERMISSIONS.map(({ name }) => name);
  return form.switches("Permissions", {
    state: before,
    rows: ({ allowed }) =>
      PERMISSIONS.map((permission) => ({
        label: `${"of" in permission ? "  " : ""}${permission.label}`,
        on: allowed.has(permission.name),
      })),
    flip(permissions, row) {
      const name = names[row];
      return name === undefined ? permissions : togglePermission(permissions, name);
    },
  });
}
