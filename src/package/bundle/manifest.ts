import { i18n } from "../declaration/shared.ts";
import { listOf, struct, type StructOf } from "../yaml/decode.ts";
import { text } from "../yaml/values.ts";
import { dependency } from "./dependency.ts";

const fields = {
  name: text,
  labels: i18n,
  description: i18n,
  icon: text,
  version: text,
  author: text,
  type: text,
  dependencies: listOf("Dependency", dependency),
  tags: listOf("string", text),
};

/** `manifest.yaml` of a bundle (contract/plugin-package 6). Types of values are checked, their limits are not. */
export const bundleManifest = struct("BundleDeclaration", fields);
export type BundleManifest = StructOf<typeof fields>;
