import { readFile } from "node:fs/promises";
import type { ParsedConfig } from "./config/parse-config.ts";
import { OFFICIAL_PUBLIC_KEY } from "./package/official-key.ts";
import { loadPublicKeys } from "./package/signature.ts";
import { DaemonError } from "./protocol/daemon-error.ts";

/** The official key, and the operator's; one that cannot be read is an error at the start, not with every package. */
export async function trustedKeys(config: ParsedConfig["config"]): Promise<string[]> {
  const paths = config.THIRD_PARTY_SIGNATURE_VERIFICATION_ENABLED
    ? config.THIRD_PARTY_SIGNATURE_VERIFICATION_PUBLIC_KEYS.map((path) => path.trim()).filter(
        (path) => path !== "",
      )
    : [];
  const keys = await Promise.all(
    paths.map(async (path) => {
      try {
        return { source: path, pem: await readFile(path, "utf8") };
      } catch (cause) {
        throw new DaemonError("startup", `Cannot read the public key "${path}": ${String(cause)}`, {
          cause,
          hint: "Correct THIRD_PARTY_SIGNATURE_VERIFICATION_PUBLIC_KEYS",
        });
      }
    }),
  );
  return loadPublicKeys([{ source: "official", pem: OFFICIAL_PUBLIC_KEY }, ...keys]);
}
