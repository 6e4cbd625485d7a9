import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { writeFileAtomic } from "../../../lib/atomic-file.ts";
import type { LocalSettings } from "../settings.ts";
import { PRIVATE_FOLDER } from "../working-folder.ts";
import { hasLocalPin, type Pin, type Resolution } from "./distribution.ts";
import type { InstallContext, Installer } from "./installer.ts";
import { lockedPins, otherRegistries } from "./uv-lock.ts";

const Remembered = Type.Object({
  schema: Type.Literal(1),
  created: Type.String(),
  pins: Type.Array(
    Type.Object({
      name: Type.String(),
      version: Type.String(),
      source: Type.String(),
      requirement: Type.String(),
      hashes: Type.Array(Type.String()),
    }),
  ),
});
type Remembered = Static<typeof Remembered>;

/** The dependencies of pyproject.toml as a requirements file, beside the package's own files. */
const LIST = join(PRIVATE_FOLDER, "requirements.in");
/** Options that change where distributions come from; others only choose among them, which the pins show. */
const SOURCE_OPTION = /^(?:-i|-f|--index-url|--extra-index-url|--find-links|--no-index|--index)\b/;

/**
 * What a plugin's dependencies come down to. A lock is read here, whatever is installed with; anything else is looked
 * up once and remembered per text, interpreter and index, so that the same text installs again without network.
 */
export async function resolveDependencies(
  context: InstallContext,
  options: { readonly settings: LocalSettings; readonly installer: Installer; readonly owner: string },
): Promise<Resolution> {
  const { source, interpreter } = context;
  if (source.from.kind === "lock") {
    const { lock, groups } = source.from;
    const pins = lock && lockedPins(lock, { markers: interpreter.markers, groups });
    if (!lock || !pins) return { pins: [], options: [], scope: hash(source.texts), syncOnly: true };
    const indexes = otherRegistries(lock).map((registry) => `--extra-index-url ${registry}`);
    return { pins, options: indexes, scope: hasLocalPin(pins) ? options.owner : undefined, syncOnly: false };
  }
  const pins = isEmpty(context) ? [] : await lookUp(context, options);
  const local = source.local || hasLocalPin(pins);
  return {
    pins,
    options: source.options.filter((option) => SOURCE_OPTION.test(option)),
    // An index that a package configures for uv shows in no pin.
    scope: local ? options.owner : source.configuresUv ? hash(source.texts) : undefined,
    syncOnly: false,
  };
}

function isEmpty({ source }: InstallContext): boolean {
  const unknown = source.from.kind === "project" && source.from.lines === undefined;
  return source.requirements.length === 0 && !unknown;
}

async function lookUp(
  context: InstallContext,
  options: { readonly settings: LocalSettings; readonly installer: Installer },
): Promise<readonly Pin[]> {
  const { settings, installer } = options;
  const { source, interpreter } = context;
  const file = fileFor(context, installer);
  const asked = [
    file,
    interpreter.version,
    interpreter.platform,
    settings.mirrorUrl ?? "",
    settings.pipExtraArgs,
  ];
  const folder = join(settings.envsPath, "resolutions");
  const memory = join(folder, `${hash([JSON.stringify(asked), ...source.texts])}.json`);
  const before = await recall(memory);
  if (before) return before.pins;

  const pins = await installer.resolve(await writeList(file, context), context);
  // What lies in the package may change while the texts stay.
  if (source.local || hasLocalPin(pins)) return pins;
  await mkdir(folder, { recursive: true });
  const entry: Remembered = { schema: 1, created: new Date().toISOString(), pins: pins.map(plain) };
  await writeFileAtomic(memory, JSON.stringify(entry));
  return pins;
}

/** A plain list is enough, and asks less of a package, unless uv finds sources of its own beside it. */
function fileFor({ source }: InstallContext, installer: Installer): string {
  const { from } = source;
  if (from.kind !== "project") return "requirements.txt";
  const plain = from.lines !== undefined && !(source.configuresUv && installer.name === "uv");
  return plain ? LIST : "pyproject.toml";
}

/** Path of the file for the tool. */
async function writeList(file: string, { folder, source }: InstallContext): Promise<string> {
  const path = join(folder, file);
  if (file === LIST && source.from.kind === "project")
    await Bun.write(path, `${(source.from.lines ?? []).join("\n")}\n`);
  return path;
}

async function recall(path: string): Promise<Remembered | undefined> {
  try {
    const value: unknown = await Bun.file(path).json();
    return Value.Check(Remembered, value) ? value : undefined;
  } catch {
    // Not there, or not ours: it is looked up anew.
    return undefined;
  }
}

function plain(pin: Pin) {
  return { ...pin, hashes: [...pin.hashes] };
}

function hash(texts: readonly string[]): string {
  return new Bun.CryptoHasher("sha256").update(JSON.stringify(texts)).digest("hex").slice(0, 32);
}
