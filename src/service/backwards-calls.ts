import type { Logger } from "../lib/logger.ts";
import type { BackwardsCall } from "../session/sessions.ts";

/**
 * Answers calls back to the platform, which this release does not make: with an error and an end, so that the plugin
 * learns it at once instead of waiting for its own limit (contract/plugin-wire 5.2).
 */
export function createBackwardsRefusal(log: Logger): (identifier: string, call: BackwardsCall) => void {
  return (identifier, call) => {
    const { request } = call;
    const id =
      typeof request === "object" && request !== null && "backwards_request_id" in request
        ? request.backwards_request_id
        : "";
    const answer = (event: "error" | "end", message: string) =>
      call.reply({ backwards_request_id: id, event, message, data: null });
    answer("error", "Cannot call the platform: this release of plugd does not pass on calls back")
      .then(() => answer("end", ""))
      .catch((cause: unknown) =>
        log.debug("Plugin is gone before its answer", { plugin: identifier, error: cause }),
      );
  };
}
