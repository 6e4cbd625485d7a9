import { resolve } from "node:path";
import { Command } from "commander";
import { changePermissions } from "../../service/author/change-permissions.ts";
import { openManifest } from "../../service/author/manifest-edit.ts";
import { permissionsOf } from "../../service/author/plugin-permissions.ts";
import type { CliIo } from "../cli-io.ts";
import { openForm } from "../form/form.ts";
import { askPermissions } from "./ask-permissions.ts";
import {
  applyPermissionFlags,
  hasPermissionFlags,
  type PermissionFlags,
  withPermissionFlags,
} from "./permission-flags.ts";
import { sayResult } from "./say-result.ts";

export function permissionCommand(io: CliIo): Command {
  return withPermissionFlags(new Command("permission"))
    .description("change what a plugin may ask of Dify: by flags, else in a form")
    .argument("<dir>", "the folder of the plugin")
    .action((dir: string, flags: PermissionFlags) => permission(dir, { flags, io }));
}

async function permission(
  dir: string,
  { flags, io }: { readonly flags: PermissionFlags; readonly io: CliIo },
): Promise<void> {
  const manifest = await openManifest(resolve(io.cwd, dir));
  const before = permissionsOf(manifest.decoded.resource.permission);
  const after = hasPermissionFlags(flags)
    ? applyPermissionFlags(before, flags)
    : await ask(io, (form) => askPermissions(form, before));
  changePermissions(manifest, after);
  await manifest.save();
  sayResult(io, "plugin permissions saved", { allowed: [...after.allowed].sort().join(",") || "none" });
}

async function ask<T>(io: CliIo, questions: (form: ReturnType<typeof openForm>) => Promise<T>): Promise<T> {
  const form = openForm(io, { instead: "Say it with flags, such as --allow-tool or --no-allow-storage" });
  try {
    return await questions(form);
  } finally {
    form.close();
  }
}
