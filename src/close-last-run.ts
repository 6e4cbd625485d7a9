import type { Logger } from "./lib/logger.ts";
import type { InstallTasks } from "./service/install-tasks.ts";
import { readDaemonRecord } from "./store/daemon-record.ts";
import type { SessionStore } from "./store/store.ts";

export interface CloseLastRunDeps {
  readonly dataPath: string;
  readonly installTasks: Pick<InstallTasks, "failLeftOver">;
  readonly sessions: Pick<SessionStore, "closeOpen">;
  readonly log: Logger;
}

/** What a daemon that was ended by force has left open is closed, and said. */
export async function closeLastRun({
  dataPath,
  installTasks,
  sessions,
  log,
}: CloseLastRunDeps): Promise<void> {
  const cutTasks = await installTasks.failLeftOver();
  const cutCalls = await sessions.closeOpen(new Date());
  const killed = await readDaemonRecord(dataPath);
  if (!killed && cutTasks + cutCalls === 0) return;
  log.warn("The last daemon was ended by force", {
    pid: killed?.pid,
    started_at: killed?.started_at,
    installations_cut: cutTasks,
    calls_cut: cutCalls,
  });
}
