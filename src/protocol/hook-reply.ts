import { isRecord } from "../lib/is-record.ts";
import { unmarshalError } from "./actions/unmarshal-error.ts";
import type { ItemDecoder } from "./invocation.ts";

/** What a plugin answers to a hook before its body (contract/backwards-invocation 5.4). */
export interface HookHead {
  /** 200 to 599. */
  readonly status: number;
  /** Names in lower case, one value each; each character of a value is one byte. */
  readonly headers: ReadonlyMap<string, string>;
}

/** The answer of one call, as its items come in. */
export interface HookReply {
  /** An item of the session is a piece of the body, in hex; items without one give none. */
  readonly decodeItem: ItemDecoder;
  /** Complete when the first piece was given, or the session has ended. */
  readonly head: HookHead;
}

/** They are about one connection: the listener writes its own. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Among them the line ends with which a plugin would write further headers, or a whole second answer. */
const UNWRITABLE = /[^\t\u0020-\u007e\u0080-\uffff]/;
const HEX = /^[0-9a-fA-F]*$/;

export function createHookReply(): HookReply {
  const headers = new Map<string, string>();
  let status = 200;
  let begun = false;

  return {
    get head() {
      return { status, headers };
    },
    decodeItem(value) {
      if (!isRecord(value)) throw unmarshalError("the item is no object");
      const result = value["result"] ?? undefined;
      // The head went out with the first piece.
      if (!begun) {
        status = statusOf(value["status"]) ?? status;
        addHeaders(headers, value["headers"]);
      }
      if (result === undefined) return undefined;
      if (typeof result !== "string" || result.length % 2 !== 0 || !HEX.test(result))
        throw unmarshalError("result is no text in hex");
      begun = true;
      return result;
    },
  };
}

function statusOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  // An interim answer is no answer, and above 599 nothing is defined.
  if (typeof value !== "number" || !Number.isInteger(value) || value < 200 || value > 599)
    throw unmarshalError(`status ${JSON.stringify(value)} is none that can be sent (200 to 599)`);
  return value;
}

/** The first value of a name counts. */
function addHeaders(headers: Map<string, string>, given: unknown): void {
  if (given === undefined || given === null) return;
  if (!isRecord(given)) throw unmarshalError("headers is no object");
  for (const [name, value] of Object.entries(given)) {
    if (!NAME.test(name)) throw unmarshalError(`${JSON.stringify(name)} is no name of a header`);
    if (typeof value !== "string" || UNWRITABLE.test(value))
      throw unmarshalError(`the value of header ${JSON.stringify(name)} cannot be sent`);
    const key = name.toLowerCase();
    if (!OF_THE_CONNECTION.has(key) && !headers.has(key))
      headers.set(key, Buffer.from(value).toString("latin1"));
  }
}
