import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fakePluginFiles } from "./fake-plugin-package.ts";
import { packZip } from "./pack.ts";
import type { PlainParameters } from "./plain-function.ts";

const PROGRAM = readFileSync(join(import.meta.dir, "plain-function.ts"), "utf8");

/** The program of `plain-function.ts` as a package; `runner` is added to that of its manifest. */
export async function plainFunctionPackage(
  name = "plain",
  runner: object = {},
  program: string = PROGRAM,
): Promise<Uint8Array> {
  const files = await fakePluginFiles({ name });
  return packZip(
    files
      .filter(({ path }) => path !== "fake-plugin.json")
      .map(({ path, bytes }) => {
        const text = new TextDecoder().decode(bytes);
        if (path === "main.ts") return { name: path, data: program };
        if (path !== "manifest.yaml") return { name: path, data: text };
        const all = {
          language: "typescript",
          version: "1.4",
          entrypoint: "main.ts",
          protocol: "plain",
          ...runner,
        };
        return {
          name: path,
          data: `${text.slice(0, text.indexOf("  runner:\n"))}  runner: ${JSON.stringify(all)}\n`,
        };
      }),
  );
}

/** A call as the article writes it. */
export const bodyOf = (parameters: PlainParameters) =>
  JSON.stringify({
    action: "invoke",
    plugin_type: "tool",
    tool_name: "google_search",
    parameters,
    credentials: { api_key: "..." },
    context: { user_id: "user-123", app_id: "app-456" },
  });

/** A call in the plain form, as a daemon makes it. */
export function post(endpoint: string, body: string, init: RequestInit & { readonly sign?: string } = {}) {
  const { sign, ...rest } = init;
  return fetch(`${endpoint}/invoke`, {
    method: "POST",
    ...rest,
    headers: {
      "content-type": "application/json",
      "x-dify-plugin-session": "session-id",
      ...(sign !== undefined && { "x-dify-plugin-signature": sign }),
    },
    body,
  });
}
