/** Kinds of blobs, each below a prefix of its own (settings `PLUGIN_PACKAGE_CACHE_PATH`, `PLUGIN_MEDIA_CACHE_PATH`, …). */
export type BlobKind = "package" | "asset";

/**
 * Packages and assets, by kind and key, on disk or in a bucket.
 *
 * Writes are atomic: a reader sees the old bytes or the new ones, also after a kill -9.
 */
export interface BlobStore {
  /** A blob in a file is copied from there, never held as a whole. */
  put(kind: BlobKind, key: string, bytes: Uint8Array | Blob): Promise<void>;
  /** Undefined when there is no such blob. */
  get(kind: BlobKind, key: string): Promise<Uint8Array | undefined>;
  has(kind: BlobKind, key: string): Promise<boolean>;
  /** Also succeeds when there is no such blob. */
  delete(kind: BlobKind, key: string): Promise<void>;
  /** Keys of a kind, in no order. */
  list(kind: BlobKind): AsyncIterable<string>;
}
