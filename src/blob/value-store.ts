/** Whose values: they are kept by plugin id, so that an upgrade, or an uninstallation, leaves them. */
export interface ValueScope {
  readonly tenantId: string;
  /** `author/name`. */
  readonly pluginId: string;
}

export interface ValuePlace extends ValueScope {
  /** A relative path without segments that are empty, `.` or `..`; or just `.`. Otherwise any text. */
  readonly key: string;
}

/** What is kept under a key: the bytes, staged ones of the value store, or nothing any more. */
export type ValueContent =
  | { readonly kind: "bytes"; readonly value: Uint8Array }
  | { readonly kind: "staged"; readonly name: string; readonly bytes: number }
  | { readonly kind: "deleted" };

/** A value that is to be put, or deleted. */
export interface ValueChange extends ValuePlace {
  readonly content: ValueContent;
}

/**
 * What plugins keep, on disk or in a bucket. Whoever changes a value must be alone with it; readers see the old bytes
 * or the new ones, also after a kill -9.
 */
export interface ValueStore {
  /** Bytes of a value; undefined when there is none. */
  size(place: ValuePlace): Promise<number | undefined>;
  /** Undefined when there is none. `room` is awaited before a value of so many bytes is read. */
  read(
    place: ValuePlace,
    options?: { readonly room?: ((bytes: number) => Promise<void>) | undefined },
  ): Promise<Uint8Array | undefined>;
  /** Bytes of all values of a plugin, counted one by one. */
  total(scope: ValueScope): Promise<number>;
  /** Writes bytes to where they can wait for `put`. Answers their name. */
  stage(bytes: Uint8Array): Promise<string>;
  /** Undefined when they are there no more, such as after `put`. */
  readStaged(name: string): Promise<Uint8Array | undefined>;
  /** Also succeeds when they are there no more. */
  dropStaged(name: string): Promise<void>;
  /** Drops all that is staged but these. */
  sweepStaged(keep: ReadonlySet<string>): Promise<void>;
  /** Moves what was staged to its place. Does nothing when it is there no more: then it was moved before. */
  put(place: ValuePlace, stagedName: string): Promise<void>;
  /** Also succeeds when there is none. */
  delete(place: ValuePlace): Promise<void>;
}
