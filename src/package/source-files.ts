import { DaemonError } from "../protocol/daemon-error.ts";
import { isCleanPath } from "./entry-path.ts";
import type { PackageFile } from "./package.ts";
import type { Pacer } from "./pacer.ts";
import { type Decoder, decodeYaml } from "./yaml/decode.ts";

/** What error texts call a file, such as `tool file`: when it is read, and when it is decoded. */
export interface FileWords {
  readonly read: string;
  readonly decode: string;
}

/** The files of a package as its declaration refers to them. */
export interface SourceFiles {
  /** In archive order. */
  readonly paths: readonly string[];
  /** Throws `bad_request` with the cause on the first line and, given words, the file below it. */
  decode<T>(path: string, decoder: Decoder<T>, words?: FileWords): Promise<T>;
}

export function openSourceFiles(files: readonly PackageFile[], pace: Pacer): SourceFiles {
  const byPath = new Map(files.map((file) => [file.path, file.bytes]));
  const read = (path: string): Uint8Array => {
    const bytes = byPath.get(path);
    if (bytes) return bytes;
    const reason = isCleanPath(path) ? "file does not exist" : "invalid argument";
    throw new DaemonError("bad_request", `open ${path}: ${reason}`);
  };
  return {
    paths: files.map(({ path }) => path),
    decode: async (path, decoder, words) => {
      await pace();
      const bytes = explain(() => read(path), words && `failed to read ${words.read}: ${path}`);
      return explain(
        () => decodeYaml(bytes, decoder),
        words && `failed to unmarshal ${words.decode}: ${path}`,
      );
    },
  };
}

/** Adds a line to the text of what `work` throws: cause first (contract/plugin-package 2.9). */
function explain<T>(work: () => T, line: string | undefined): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof DaemonError) || line === undefined) throw error;
    throw new DaemonError(error.code, `${error.message}\n${line}`, { cause: error });
  }
}
