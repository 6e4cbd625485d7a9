import type { Decoder } from "../yaml/decode.ts";
import { struct } from "../yaml/decode.ts";
import { flag, text } from "../yaml/values.ts";
import { type ItemList, providerConfigs } from "./shared.ts";

const endpointFields = { path: text, method: text, hidden: flag };
/** A file of `endpoints` (contract/plugin-package 2.5). */
export const endpoint = struct("EndpointDeclaration", endpointFields);

type Endpoint = ReturnType<typeof endpoint>;

/** Null without a list. An inline item that does not decode ends the list without an error, as in the reference. */
const endpointItems: Decoder<ItemList<Endpoint> | null> = (node) => {
  if (node?.kind !== "list") return null;
  const inline: Endpoint[] = [];
  const files: string[] = [];
  for (const item of node.items) {
    if (item.kind === "scalar") files.push(item.text);
    if (item.kind !== "map") continue;
    const attempt = { errors: [] as string[] };
    const decoded = endpoint(item, attempt);
    if (attempt.errors.length > 0) break;
    inline.push(decoded);
  }
  return { inline, files };
};

/** A file of `plugins.endpoints`; its endpoints are still to be read from their files. */
export const endpointProvider = struct("EndpointProvider", {
  settings: providerConfigs,
  endpoints: endpointItems,
});
