import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { type Pin, sortPins } from "./distribution.ts";
import { normalizeName } from "./markers.ts";

const Report = Type.Object({
  install: Type.Array(
    Type.Object({
      download_info: Type.Object({
        url: Type.String(),
        archive_info: Type.Optional(
          Type.Object({ hashes: Type.Optional(Type.Record(Type.String(), Type.String())) }),
        ),
        vcs_info: Type.Optional(Type.Object({ vcs: Type.String(), commit_id: Type.String() })),
        dir_info: Type.Optional(Type.Unknown()),
        subdirectory: Type.Optional(Type.String()),
      }),
      is_direct: Type.Boolean(),
      metadata: Type.Object({ name: Type.String(), version: Type.String() }),
    }),
  ),
});

/** Reads the report of `pip install --dry-run --report`. Undefined where it is none. */
export function parsePipReport(text: string): Pin[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Value.Check(Report, value)) return undefined;
  return sortPins(
    value.install.map(({ download_info: from, is_direct: direct, metadata }): Pin => {
      const name = normalizeName(metadata.name);
      const sha256 = from.archive_info?.hashes?.["sha256"];
      const hashes = sha256 === undefined ? [] : [`sha256:${sha256}`];
      const { version } = metadata;
      if (!direct) return { name, version, source: "", requirement: `${name}==${version}`, hashes };
      const folder = from.subdirectory === undefined ? "" : `#subdirectory=${from.subdirectory}`;
      const source = from.vcs_info
        ? `${from.vcs_info.vcs}+${from.url}@${from.vcs_info.commit_id}${folder}`
        : `${from.url}${folder}`;
      return { name, version, source, requirement: `${name} @ ${source}`, hashes };
    }),
  );
}
