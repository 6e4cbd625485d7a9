import { readFile } from "node:fs/promises";
import { writeFileAtomic } from "../../lib/atomic-file.ts";
import { errorCode } from "../../lib/system-error.ts";
import { readArchive } from "../../package/archive.ts";
import { OFFICIAL_PUBLIC_KEY } from "../../package/official-key.ts";
import { generateSigningKeys, signPackage } from "../../package/sign.ts";
import { loadPublicKeys, type NamedKey, verifyArchive } from "../../package/signature.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { Verification } from "../../protocol/declaration.ts";

export interface SignFileOptions {
  readonly output: string;
  readonly privateKeyPath: string;
  readonly category: string;
  readonly now: Date;
}

const PRIVATE_MODE = 0o600;

/** Writes a signed copy of a package. Throws `bad_request` for a file that is no package, or no private key. */
export async function signFile(path: string, options: SignFileOptions): Promise<void> {
  const signed = await signPackage(await read(path), {
    privateKey: await readKey(options.privateKeyPath),
    category: options.category,
    timeSeconds: Math.floor(options.now.getTime() / 1000),
  });
  await write(options.output, signed);
}

/**
 * Who signed a package with the key: the official one, or the one in a file. Throws `bad_request` where nobody did.
 */
export async function verifyFile(
  path: string,
  { publicKeyPath }: { readonly publicKeyPath: string | undefined },
): Promise<Verification> {
  const key =
    publicKeyPath === undefined
      ? { source: "official", pem: OFFICIAL_PUBLIC_KEY }
      : await readKey(publicKeyPath);
  const keys = loadPublicKeys([key]);
  const archive = await readArchive(await read(path), { maxUncompressedBytes: Number.MAX_SAFE_INTEGER });
  const verification = verifyArchive(archive, keys);
  if (verification) return verification;
  const name = publicKeyPath === undefined ? "the official key" : `the key "${publicKeyPath}"`;
  throw new DaemonError(
    "bad_request",
    archive.comment.length === 0
      ? `Cannot verify "${path}": it is not signed`
      : `Cannot verify "${path}": it was not signed with ${name}, or changed since`,
  );
}

/**
 * Makes a pair of keys in two new files; none that exists is replaced. The private one is for its owner only: the
 * reference lets everybody read it.
 */
export async function generateKeyFiles(paths: {
  readonly privateKey: string;
  readonly publicKey: string;
}): Promise<void> {
  for (const path of [paths.privateKey, paths.publicKey])
    if (await Bun.file(path).exists())
      throw new DaemonError("bad_request", `Cannot write the key "${path}": it is there already`, {
        hint: "Name another file; what was signed with a key needs it for ever",
      });
  const keys = await generateSigningKeys();
  await write(paths.privateKey, keys.privateKey, PRIVATE_MODE);
  await write(paths.publicKey, keys.publicKey);
}

async function readKey(path: string): Promise<NamedKey> {
  return { source: path, pem: (await read(path)).toString("utf8") };
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new DaemonError("bad_request", `Cannot read "${path}": ${reasonOf(cause)}`, { cause });
  }
}

async function write(path: string, content: Uint8Array | string, mode?: number): Promise<void> {
  try {
    await writeFileAtomic(path, content, mode === undefined ? {} : { mode });
  } catch (cause) {
    throw new DaemonError("bad_request", `Cannot write "${path}": ${reasonOf(cause)}`, { cause });
  }
}

function reasonOf(cause: unknown): string {
  return errorCode(cause) ?? String(cause);
}
