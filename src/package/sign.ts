import { createPrivateKey, generateKeyPair, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import { errorMessage } from "../lib/describe-error.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import { readArchive } from "./archive.ts";
import type { PackageFile } from "./package.ts";
import { type NamedKey, signedBytes, VERIFICATION_FILE } from "./signature.ts";
import { writePackage } from "./write-package.ts";

export interface SignOptions {
  /** PKCS#1 in PEM; see `generateSigningKeys`. */
  readonly privateKey: NamedKey;
  /** Who vouches for the package: `langgenius`, `partner` or `community`. */
  readonly category: string;
  /** Unix time. */
  readonly timeSeconds: number;
}

const KEY_BITS = 4096;
const generate = promisify(generateKeyPair);

/**
 * A signed copy of a package (contract/plugin-package 5.1): the same files in the same order, then an entry that names
 * the category, and the signature as the archive's comment. An earlier signature is replaced; the reference adds a
 * second entry, which then does not count. Throws `bad_request`.
 */
export async function signPackage(bytes: Uint8Array, options: SignOptions): Promise<Uint8Array<ArrayBuffer>> {
  const key = readPrivateKey(options.privateKey);
  const { files } = await readArchive(bytes, { maxUncompressedBytes: Number.MAX_SAFE_INTEGER });
  const info = JSON.stringify({ authorized_category: options.category });
  const signed: PackageFile[] = [
    ...files.filter(({ path }) => path !== VERIFICATION_FILE),
    { path: VERIFICATION_FILE, bytes: new TextEncoder().encode(info) },
  ];
  const time = options.timeSeconds;
  const signature = sign("sha256", signedBytes(signed, time), key).toString("base64");
  return writePackage(signed, { comment: JSON.stringify({ signature, time }) });
}

/** A new pair, each as one PEM block with a PKCS#1 body. Takes seconds, in a thread of its own. */
export async function generateSigningKeys(): Promise<{
  readonly privateKey: string;
  readonly publicKey: string;
}> {
  return generate("rsa", {
    modulusLength: KEY_BITS,
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
    publicKeyEncoding: { type: "pkcs1", format: "pem" },
  });
}

function readPrivateKey({ source, pem }: NamedKey): KeyObject {
  try {
    const blocks = pem.match(/-----BEGIN [A-Z0-9 ]+-----/g) ?? [];
    if (blocks.length !== 1) throw new Error(`it has ${blocks.length} PEM blocks, not one`);
    if (blocks[0] !== "-----BEGIN RSA PRIVATE KEY-----")
      throw new Error(`its block is ${blocks[0]}, not -----BEGIN RSA PRIVATE KEY-----`);
    if (!/-----END RSA PRIVATE KEY-----\r?\n?$/.test(pem)) throw new Error("something follows its block");
    return createPrivateKey({ key: pem, format: "pem", type: "pkcs1" });
  } catch (cause) {
    const reason = errorMessage(cause);
    throw new DaemonError("bad_request", `Cannot use the private key "${source}": ${reason}`, {
      cause,
      hint: "A PEM block RSA PRIVATE KEY (PKCS#1) is wanted; openssl rsa -in KEY -traditional makes one",
    });
  }
}
