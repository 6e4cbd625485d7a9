/** The function that runs a version of a plugin. */
export interface ServerlessRuntimeRow {
  readonly identifier: string;
  readonly functionUrl: string;
  readonly functionName: string;
  /** How it is spoken to. */
  readonly protocol: "sdk" | "plain";
  /** Its own; null where it has none. */
  readonly signatureSecret: string | null;
  readonly checksum: string;
}

export interface ServerlessRuntimeStore {
  find(identifier: string): Promise<ServerlessRuntimeRow | undefined>;
  /** Inserts it or replaces what is there. Throws when the declaration is not stored. */
  save(row: ServerlessRuntimeRow): Promise<void>;
  remove(identifier: string): Promise<void>;
}
