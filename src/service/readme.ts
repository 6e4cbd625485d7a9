import { createKeyedLock } from "../lib/keyed-lock.ts";
import type { PackageFile } from "../package/package.ts";
import { chooseReadme, readmes as readmesOf } from "../package/readmes.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import type { ReadmeStore } from "../store/store.ts";

/** A readme and the language that it is in. */
export interface Readme {
  readonly content: string;
  readonly language: string;
}

export interface ReadReadmeDeps {
  readonly readmes: ReadmeStore;
  readonly packages: { files(identifier: string): Promise<readonly PackageFile[]> };
}

/**
 * The readme of an uploaded plugin in a language, else in English, else in any (contract/plugin-package 3.5). Opening a
 * package takes long, so its readmes are stored when the first one is asked for. Throws `internal` when there is no
 * package or no readme in it, and `not_found` when that is empty.
 */
export type ReadReadme = (identifier: string, language: string) => Promise<Readme>;

const FALLBACK = "en_US";

export function createReadReadme({ readmes, packages }: ReadReadmeDeps): ReadReadme {
  const opening = createKeyedLock();

  async function extract(identifier: string, language: string): Promise<Readme> {
    const found = readmesOf(await filesOf(identifier));
    const chosen = chooseReadme(found, language);
    if (!chosen) throw failed("open README.md: file does not exist\nen_US readme not found");
    await readmes.save(identifier, found);
    return chosen;
  }

  async function filesOf(identifier: string): Promise<readonly PackageFile[]> {
    try {
      return await packages.files(identifier);
    } catch (cause) {
      if (cause instanceof DaemonError) throw failed(cause.message, cause);
      throw cause;
    }
  }

  return async (identifier, language) => {
    const find = () => readmes.find(identifier, { language, fallback: FALLBACK });
    const readme =
      (await find()) ??
      // Who comes while the package is being opened finds what that stored.
      (await opening.run(identifier, async () => (await find()) ?? (await extract(identifier, language))));
    if (readme.content === "")
      throw new DaemonError("not_found", "no readme content available for this plugin");
    return readme;
  };
}

function failed(reason: string, cause?: unknown): DaemonError {
  return new DaemonError("internal", `failed to get readme from database: ${reason}`, { cause });
}
