import type { BlobStore } from "../blob/blob-store.ts";

/** SHA-256 of content and name, then the name's extension (contract/plugin-package 3.3). */
const ASSET_ID = /^[0-9a-f]{64}(?:\.[^/\\]*)?$/;

/** Reads a stored asset. Undefined when there is none or the text is no asset id. */
export type ReadAsset = (id: string) => Promise<Uint8Array | undefined>;

export function createReadAsset({ blobs }: { readonly blobs: Pick<BlobStore, "get"> }): ReadAsset {
  return async (id) => (ASSET_ID.test(id) ? blobs.get("asset", id) : undefined);
}
