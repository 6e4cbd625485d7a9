import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { errorMessage } from "../lib/describe-error.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import type { Verification } from "../protocol/declaration.ts";
import type { Archive } from "./archive.ts";
import { sha256 } from "./checksum.ts";
import type { PackageFile } from "./package.ts";

/** Entry that names who signed; itself signed, and last in the archive. */
export const VERIFICATION_FILE = ".verification.dify.json";
/** Packages signed before there was such an entry are the marketplace's own. */
const DEFAULT_CATEGORY = "langgenius";

/** Archive comment of a signed package. Other keys are ignored. */
const Signature = Type.Object({ signature: Type.String(), time: Type.Integer() });
type Signature = Static<typeof Signature>;
const VerificationFile = Type.Object({ authorized_category: Type.String() });

/** A key that an operator trusts, and where it comes from. */
export interface NamedKey {
  /** Shown in errors, such as the path of the file. */
  readonly source: string;
  readonly pem: string;
}

/**
 * Checks keys before any package depends on them, and gives their texts.
 *
 * Throws `startup` naming the first that cannot be used: one PKCS#1 block `RSA PUBLIC KEY` is wanted, and nothing
 * behind it (contract/plugin-package 5.1).
 */
export function loadPublicKeys(keys: readonly NamedKey[]): string[] {
  return keys.map(({ source, pem }) => {
    try {
      parsePublicKey(pem);
    } catch (error) {
      const reason = errorMessage(error);
      throw new DaemonError("startup", `Cannot use the public key "${source}": ${reason}`, {
        cause: error,
        hint: "A PEM block RSA PUBLIC KEY (PKCS#1) is wanted; openssl rsa -pubin -in KEY -RSAPublicKey_out makes one",
      });
    }
    return pem;
  });
}

/**
 * Who signed an archive with one of the keys; null where nobody did (contract/plugin-package 5.2).
 *
 * Throws where a key is unusable; `loadPublicKeys` finds out beforehand.
 */
export function verifyArchive(archive: Archive, publicKeys: readonly string[]): Verification | null {
  const comment = decodeSignature(archive.comment);
  if (!comment) return null;
  const data = signedBytes(archive.entries, comment.time);
  const signature = Buffer.from(comment.signature, "base64");
  const trusted = publicKeys.some((pem) => verify("sha256", data, parsePublicKey(pem), signature));
  return trusted ? readVerification(archive.files) : null;
}

/** What a signature covers: the hash of every entry in archive order, then the Unix time as decimal text. */
export function signedBytes(entries: readonly PackageFile[], timeSeconds: number): Buffer {
  return Buffer.concat([...entries.map(({ bytes }) => sha256(bytes)), Buffer.from(String(timeSeconds))]);
}

function decodeSignature(comment: Uint8Array): Signature | undefined {
  const value = parseJson(comment);
  return Value.Check(Signature, value) ? value : undefined;
}

function readVerification(files: readonly PackageFile[]): Verification | null {
  const file = files.find(({ path }) => path === VERIFICATION_FILE);
  if (!file) return { authorized_category: DEFAULT_CATEGORY };
  const value = parseJson(file.bytes);
  return Value.Check(VerificationFile, value) ? { authorized_category: value.authorized_category } : null;
}

function parsePublicKey(pem: string): KeyObject {
  const blocks = pem.match(/-----BEGIN [A-Z0-9 ]+-----/g) ?? [];
  if (blocks.length !== 1) throw new Error(`it has ${blocks.length} PEM blocks, not one`);
  if (blocks[0] !== "-----BEGIN RSA PUBLIC KEY-----")
    throw new Error(`its block is ${blocks[0]}, not -----BEGIN RSA PUBLIC KEY-----`);
  if (!/-----END RSA PUBLIC KEY-----\r?\n?$/.test(pem)) throw new Error("something follows its block");
  return createPublicKey({ key: pem, format: "pem", type: "pkcs1" });
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    // A comment may be any text; one that is no JSON is no signature.
    return undefined;
  }
}
