/** What a call has used, as the article names it (contract/plain-protocol 6). */
export interface Usage {
  readonly execution_time_ms: number;
  readonly memory_used_mb?: number;
}

/** A function's side of what `createSriAnswer()` reads. `data` and `error` are JSON texts, passed on as they are. */
export function sriSuccess(data: string, usage: Usage): string {
  return `{"status":"success","data":${data},"usage":${JSON.stringify(usage)}}`;
}

export function sriFailure(error: string, usage: Usage): string {
  return `{"status":"error","error":${error},"usage":${JSON.stringify(usage)}}`;
}

/** One event of a stream. */
export function sriEvent(name: "start" | "chunk" | "end" | "error", data: string): string {
  return `event: ${name}\ndata: ${data}\n\n`;
}

/** The data of `end`: the function's own figures stand first, and `usage` is the last, so that it counts. */
export function sriEnd(data: string, usage: Usage): string {
  const own = data.trim();
  const isObject = own.startsWith("{") && own.endsWith("}");
  const inner = isObject ? own.slice(1, -1).trim() : `"data":${own}`;
  return `{${inner}${inner === "" ? "" : ","}"usage":${JSON.stringify(usage)}}`;
}
