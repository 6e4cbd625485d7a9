import { connectDebug, type DebugClient } from "../support/debug-client.ts";
import type { ConnectionStep } from "./scenarios/scenario.ts";

/** What came over a connection during a step. */
export interface ConnectionAnswer {
  readonly lines: readonly unknown[];
  readonly closed?: true;
}

/** Connections to a debug server that live longer than a step. */
export interface DebugConnections {
  step(step: ConnectionStep["connection"]): Promise<ConnectionAnswer>;
  close(): Promise<void>;
}

interface Connection {
  readonly client: DebugClient;
  /** What no step has told of yet. */
  lines: unknown[];
  isClosed: boolean;
}

const POLL_MS = 10;
/** As a plugin that thinks before it goes away. */
const HANG_UP_MS = 300;

export function createDebugConnections(port: number): DebugConnections {
  const connections = new Map<string, Connection>();

  async function open(answers: ConnectionStep["connection"]["answers"]): Promise<Connection> {
    const client = await connectDebug(port, { unbounded: true });
    const connection: Connection = { client, lines: [], isClosed: false };
    void serve(connection, answers ?? []);
    return connection;
  }

  async function serve(
    connection: Connection,
    answers: NonNullable<ConnectionStep["connection"]["answers"]>,
  ): Promise<void> {
    const { client } = connection;
    try {
      for (;;) {
        const line = await client.next();
        connection.lines.push(line);
        const sessionId = requestOf(line);
        if (sessionId !== undefined) answer(client, sessionId, answers);
      }
    } catch {
      // Closed, by whoever it was.
      connection.isClosed = true;
    }
  }

  return {
    async step({ id, open: opens, send = [], waitMs, answers, close }) {
      if (opens) connections.set(id, await open(answers));
      const connection = connections.get(id);
      if (!connection) throw new Error(`There is no connection "${id}"`);
      connection.client.send(...send);
      const until = performance.now() + waitMs;
      while (!connection.isClosed && performance.now() < until) await Bun.sleep(POLL_MS);
      const { lines, isClosed } = connection;
      connection.lines = [];
      if (close) connection.client.hangUp();
      return { lines, ...(isClosed && !close && { closed: true }) };
    },
    async close() {
      await Promise.all([...connections.values()].map(({ client }) => client[Symbol.asyncDispose]()));
    },
  };
}

function answer(
  client: DebugClient,
  sessionId: string,
  answers: NonNullable<ConnectionStep["connection"]["answers"]>,
): void {
  for (const line of answers)
    if (line === "hang up") setTimeout(() => client.hangUp(), HANG_UP_MS);
    else client.send(JSON.stringify(line).replaceAll("{{session}}", sessionId));
}

function requestOf(line: unknown): string | undefined {
  if (typeof line !== "object" || line === null) return undefined;
  const { event, session_id: sessionId } = line as { event?: unknown; session_id?: unknown };
  return event === "request" && typeof sessionId === "string" ? sessionId : undefined;
}
