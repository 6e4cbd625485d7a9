import { readLines } from "./lines.ts";

/** One event of an event stream. */
export interface ServerEvent {
  readonly id: string;
  readonly type: string;
  readonly data: string;
}

/** The events of a stream, without its comments. One that was cut off is none. */
export async function* readServerEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent, void> {
  let event = { id: "", type: "message", data: "" };
  for await (const line of readLines(body)) {
    if (line === "") {
      if (event.data !== "") yield event;
      event = { id: "", type: "message", data: "" };
      continue;
    }
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, "");
    switch (line.slice(0, colon)) {
      case "id":
        event.id = value;
        break;
      case "event":
        event.type = value;
        break;
      case "data":
        event.data += event.data === "" ? value : `\n${value}`;
        break;
    }
  }
}
