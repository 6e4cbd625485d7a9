import * as main from "./demo-plugin/main.ts" with { type: "text" };
import manifest from "./demo-plugin/manifest.yaml" with { type: "text" };
import provider from "./demo-plugin/provider/hello.yaml" with { type: "text" };
import tool from "./demo-plugin/tools/greet.yaml" with { type: "text" };
import icon from "./demo-plugin/_assets/icon.svg" with { type: "text" };
import readme from "./demo-plugin/README.md" with { type: "text" };

/** Every entry has the same date, so that the same plugin is the same file everywhere. */
const ENTRY_DATE = new Date(2026, 0, 1);

/** The sample plugin, in the order of its archive. Its folder is `src/cli/demo-plugin`. */
const FILES: readonly (readonly [path: string, text: unknown])[] = [
  ["README.md", readme],
  ["_assets/icon.svg", icon],
  // The types see the module here, Bun gives its text.
  ["main.ts", Reflect.get(main, "default")],
  ["manifest.yaml", manifest],
  ["provider/hello.yaml", provider],
  ["tools/greet.yaml", tool],
];

/** The sample plugin as a `.difypkg`, made in memory. Nobody has signed it. */
export async function buildDemoPackage(): Promise<Uint8Array<ArrayBuffer>> {
  // Loaded here, because no other command needs it.
  const { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } = await import("@zip.js/zip.js");
  const zip = new ZipWriter(new Uint8ArrayWriter(), {
    useWebWorkers: false,
    extendedTimestamp: false,
    lastModDate: ENTRY_DATE,
  });
  for (const [path, text] of FILES) {
    if (typeof text !== "string")
      throw new TypeError(`The sample plugin's "${path}" was not embedded as text`);
    await zip.add(path, new Uint8ArrayReader(new TextEncoder().encode(text)));
  }
  return new Uint8Array(await zip.close());
}
