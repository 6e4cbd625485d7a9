import type { PluginPackage } from "../package/package.ts";
import { DaemonError } from "../protocol/daemon-error.ts";

const OFFICIAL = "langgenius";

/** Throws `bad_request` where nobody signed the package whose key counts (contract/plugin-package 5.4). */
export function requireSignature({ verification }: Pick<PluginPackage, "verification">): void {
  if (verification === null)
    throw new DaemonError(
      "bad_request",
      "plugin verification has been enabled, and the plugin you want to install has a bad signature",
    );
}

/**
 * Throws `bad_request` for a package that calls langgenius its author, in any case, and is not signed as theirs. The
 * text is the reference's to the letter, white space included.
 */
export function requireOfficialSignature({
  declaration,
  verification,
}: Pick<PluginPackage, "declaration" | "verification">): void {
  if (declaration.author.toLowerCase() !== OFFICIAL || verification?.authorized_category === OFFICIAL) return;
  throw new DaemonError(
    "bad_request",
    "\n\t\tplugin installation blocked: this plugin claims to be from Langgenius but lacks official signature " +
      "verification. \n\t\tSet ENFORCE_LANGGENIUS_PLUGIN_SIGNATURES=false to allow installation (not recommended)",
  );
}
