/** One event of a `text/event-stream`. */
export interface StreamEvent {
  /** `message` where none is given. */
  readonly name: string;
  /** The lines of its data, joined. */
  readonly data: string;
}

/** Puts events together from lines. One that has a name and no data counts, too, as people mean it who write `event: end`. */
export interface EventReader {
  /** Takes complete lines; their ends may be LF or CRLF. */
  push(block: string): readonly StreamEvent[];
  /** What the end of the stream completes. */
  flush(): readonly StreamEvent[];
}

export function createEventReader(): EventReader {
  let name = "";
  let data: string[] = [];

  function complete(events: StreamEvent[]): void {
    if (data.length > 0 || name !== "") events.push({ name: name || "message", data: data.join("\n") });
    name = "";
    data = [];
  }

  return {
    push(block) {
      const events: StreamEvent[] = [];
      const lines = block.split("\n");
      // Behind the last line end stands nothing, or the unfinished last line of the stream.
      if (lines.at(-1) === "") lines.pop();
      for (const raw of lines) {
        const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
        if (line === "") {
          complete(events);
          continue;
        }
        const colon = line.indexOf(":");
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
        if (field === "event") name = value;
        else if (field === "data") data.push(value);
      }
      return events;
    },
    flush() {
      const events: StreamEvent[] = [];
      complete(events);
      return events;
    },
  };
}
