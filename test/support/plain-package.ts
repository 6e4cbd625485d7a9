import { FAKE_PROVIDER, fakePluginFiles } from "./fake-plugin-package.ts";
import { packZip } from "./pack.ts";

export interface PlainPackage {
  readonly name: string;
  /** `meta.runner` of the manifest. */
  readonly runner: Readonly<Record<string, unknown>>;
  /** Program and whatever else it needs. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
}

/** The fake plugin's declaration around another program; its tool is called as the fake plugin's. */
export async function plainPackage({ name, runner, files }: PlainPackage): Promise<Uint8Array> {
  const declared = await fakePluginFiles({ name });
  const texts = declared
    .filter(({ path }) => !["main.ts", "fake-plugin.json"].includes(path))
    .map(({ path, bytes }) => ({ name: path, data: new TextDecoder().decode(bytes) }))
    .map((file) => (file.name === "manifest.yaml" ? { ...file, data: withRunner(file.data, runner) } : file))
    .map((file) =>
      file.name === `provider/${FAKE_PROVIDER}.yaml` ? { ...file, data: `${file.data}${CREDENTIALS}` } : file,
    );
  return packZip([...texts, ...Object.entries(files).map(([path, data]) => ({ name: path, data }))]);
}

const CREDENTIALS =
  "credentials_for_provider:\n  api_key: {type: secret-input, required: true, label: {en_US: Key}}\n";

function withRunner(manifest: string, runner: Readonly<Record<string, unknown>>): string {
  const at = manifest.indexOf("  runner:\n");
  // JSON is YAML.
  return `${manifest.slice(0, at)}  runner: ${JSON.stringify(runner)}\n`;
}
