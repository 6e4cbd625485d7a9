import { isRecord } from "../../lib/is-record.ts";
import type { ItemDecoder } from "../invocation.ts";
import { type ActionRow, decodeAs, defineAction } from "./action.ts";
import { createBlobCollector } from "./blob-collector.ts";
import { MapOrNull, OpenObject, RequiredText } from "./fields.ts";
import { MessageItem } from "./message-item.ts";
import { toOneLine } from "./one-line.ts";

const decodeMessage = decodeAs(MessageItem);

/** As tools answer, but chunks of blobs become whole ones: clients of strategies expect them so. */
function createStrategyDecoder(): ItemDecoder {
  const collector = createBlobCollector();
  return (value, raw) => {
    const text = decodeMessage(value, raw);
    if (!isRecord(value) || value["type"] !== "blob_chunk") return text;
    const blob = collector.take(value, raw);
    return blob && toOneLine(blob);
  };
}

/** contract/plugin-wire 4.4, contract/http-api 4.4 */
export const AGENT_STRATEGY_ACTIONS: readonly ActionRow[] = [
  defineAction({
    path: "/agent_strategy/invoke",
    type: "agent_strategy",
    action: "invoke_agent_strategy",
    data: OpenObject({
      agent_strategy_provider: RequiredText,
      agent_strategy: RequiredText,
      agent_strategy_params: MapOrNull,
    }),
    item: createStrategyDecoder,
  }),
];
