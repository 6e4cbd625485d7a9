/** One request, and how it ended. */
export interface Received {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON as what it is, an uploaded file as its name, type, size and hash, anything else as text. */
  readonly body: unknown;
  /** The status that was answered; 0 while there is none. */
  status: number;
  sentBytes: number;
  /** `left`: the other side went before the answer was over. */
  outcome: "open" | "answered" | "left" | "reset";
}

/** The last requests, in order of arrival. */
export interface ReceivedLog {
  add(request: Pick<Received, "method" | "path" | "headers" | "body">): Received;
  list(): readonly Received[];
  clear(): void;
}

/** The oldest are forgotten. */
const MAX_REQUESTS = 10_000;

export function createReceivedLog(): ReceivedLog {
  let requests: Received[] = [];
  return {
    add(request) {
      const received: Received = { ...request, status: 0, sentBytes: 0, outcome: "open" };
      requests.push(received);
      if (requests.length > MAX_REQUESTS) requests = requests.slice(-MAX_REQUESTS);
      return received;
    },
    list: () => [...requests],
    clear() {
      requests = [];
    },
  };
}
