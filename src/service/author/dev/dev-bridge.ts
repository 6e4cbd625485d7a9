import type { DevChild, ReadLine } from "./dev-child.ts";
import type { DevDialect, DevFailure } from "./dev-dialect.ts";
import type { DevLink } from "./dev-link.ts";

/**
 * Carries lines between connections to the daemon and the process of the plugin that runs just now, in both directions
 * only as fast as they are taken. Requests that come while there is none wait for the next one.
 */
export interface DevBridge {
  /** Serves a connection until it ends; resolves then. From now on the plugin speaks over it. */
  serve(link: DevLink): Promise<void>;
  /** The lines of a process go to whom they concern. */
  fromPlugin(child: DevChild, lines: readonly ReadLine[]): Promise<void>;
  /** Until there is a target again, requests wait; those that a process has go on. */
  hold(): void;
  /** Resolves when no process has a request any more. */
  idle(): Promise<void>;
  /** Calls that are open end with the failure. */
  cut(failure: DevFailure): void;
  /** Requests go to this process. */
  open(child: DevChild): void;
  /** Requests are answered with the failure, and so are those that are open. */
  refuse(failure: DevFailure): void;
  /** A line of the plugin's own, over the connection that it speaks over; lost where there is none. */
  say(line: string): void;
  /** Calls over a connection that nobody speaks over any more have ended. */
  isIdle(link: DevLink): boolean;
}

export interface DevBridgeOptions {
  readonly dialect: () => DevDialect;
  readonly onRefused: (why: string) => void;
  /** An operator asks for a reload. */
  readonly onReload: () => void;
}

type Target =
  | { readonly kind: "none" }
  | { readonly kind: "child"; readonly child: DevChild }
  | { readonly kind: "failed"; readonly failure: DevFailure };

interface OpenCall {
  readonly id: string;
  readonly sessionId: string;
  readonly link: DevLink;
}

export function createDevBridge(options: DevBridgeOptions): DevBridge {
  const calls = new Map<string, OpenCall>();
  let current: DevLink | undefined;
  let target: Target = { kind: "none" };
  let changed = Promise.withResolvers<void>();
  /** Of those who wait until no call is open. */
  let emptied: PromiseWithResolvers<void> | undefined;

  function aim(next: Target): void {
    target = next;
    changed.resolve();
    changed = Promise.withResolvers();
  }

  function forget(id: string): boolean {
    const known = calls.delete(id);
    if (calls.size === 0) {
      emptied?.resolve();
      emptied = undefined;
    }
    return known;
  }

  /** Whoever has gone hears nothing, and is told of by its own end. */
  function write(link: DevLink, text: string): Promise<void> {
    return link.write(text).catch(() => undefined);
  }

  function fail(failure: DevFailure): void {
    const dialect = options.dialect();
    for (const call of calls.values()) {
      void write(call.link, dialect.failure(call, failure));
      forget(call.id);
    }
  }

  async function settled(): Promise<Exclude<Target, { kind: "none" }>> {
    for (;;) {
      if (target.kind !== "none") return target;
      await changed.promise;
    }
  }

  async function request(call: OpenCall, line: string): Promise<void> {
    for (;;) {
      const to = await settled();
      if (!call.link.isOpen) return;
      if (to.kind === "failed") return write(call.link, options.dialect().failure(call, to.failure));
      calls.set(call.id, call);
      try {
        return await to.child.write(line);
      } catch {
        // It died under the write, or was replaced: the call was ended then, or nothing was executed and the next has it.
        if (!forget(call.id)) return;
        if (target === to) aim({ kind: "none" });
      }
    }
  }

  async function fromDaemon(link: DevLink, line: string): Promise<void> {
    const is = options.dialect().ofDaemon(line);
    switch (is.kind) {
      case "request":
        return request({ id: is.id, sessionId: is.sessionId, link }, `${line}\n`);
      case "refused":
        return options.onRefused(is.why);
      case "reload":
        return options.onReload();
      case "heartbeat":
        // While there is no process, somebody is there all the same.
        if (target.kind !== "child") return write(link, options.dialect().beat);
        break;
      case "of_call":
        // Of a call that an earlier process had.
        if (is.id !== undefined && !calls.has(is.id)) return;
        break;
      case "other":
        break;
    }
    if (target.kind === "child") await target.child.write(`${line}\n`).catch(() => undefined);
  }

  return {
    async serve(link) {
      current = link;
      for await (const block of link.blocks())
        for (const line of block.split("\n")) if (line.trim() !== "") await fromDaemon(link, line);
      if (current === link) current = undefined;
      for (const call of calls.values()) if (call.link === link) forget(call.id);
    },
    async fromPlugin(child, lines) {
      // What a process says that was replaced concerns nobody.
      if (target.kind === "child" && target.child !== child) return;
      const texts = new Map<DevLink, string>();
      for (const { text, is } of lines) {
        if (is.kind === "greeting") continue;
        const id = is.kind === "end" || is.kind === "of_call" ? is.id : undefined;
        const call = id === undefined ? undefined : calls.get(id);
        if (is.kind === "end" && id !== undefined) forget(id);
        // Without an id it belongs to the one that is open.
        const [only] = is.kind === "end" && id === undefined && calls.size === 1 ? calls.keys() : [];
        if (only !== undefined) forget(only);
        if (id !== undefined && !call) continue;
        const link = call?.link ?? current;
        if (link) texts.set(link, `${texts.get(link) ?? ""}${text}\n`);
      }
      for (const [link, text] of texts) await write(link, text);
    },
    hold: () => aim({ kind: "none" }),
    async idle() {
      while (calls.size > 0) {
        emptied ??= Promise.withResolvers();
        await emptied.promise;
      }
    },
    cut: fail,
    open: (child) => aim({ kind: "child", child }),
    refuse(failure) {
      aim({ kind: "failed", failure });
      fail(failure);
    },
    say(line) {
      if (current) void write(current, line);
    },
    isIdle: (link) => ![...calls.values()].some((call) => call.link === link),
  };
}
