import { flag, list } from "../setting.ts";

/** lifecycle.md 10.5. */
export const signatureSettings = {
  FORCE_VERIFYING_SIGNATURE: flag({
    meaning: "Refuse packages that carry no valid signature",
    default: true,
  }),
  THIRD_PARTY_SIGNATURE_VERIFICATION_ENABLED: flag({
    meaning: "Accept signatures of further keys",
    default: false,
  }),
  THIRD_PARTY_SIGNATURE_VERIFICATION_PUBLIC_KEYS: list({
    meaning: "PEM files with those keys, separated by commas",
    default: [],
  }),
  ENFORCE_LANGGENIUS_PLUGIN_SIGNATURES: flag({
    meaning: "In bundles, refuse plugins that name langgenius as their author without its signature",
    default: true,
  }),
};
