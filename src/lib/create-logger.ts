import { formatLogLine, type LogFormat, type LogLevel } from "./log-line.ts";
import type { LogAttributes, Logger } from "./logger.ts";

export interface LoggerOptions {
  /** Records below it are dropped. */
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes one record with its final newline. What it throws is survived, and the loss is told when it works again. */
  readonly write: (line: string) => void;
  readonly now?: () => Date;
}

const RANK: Readonly<Record<LogLevel, number>> = { DEBUG: 0, INFO: 1, WARN: 2, ERROR: 3 };

/**
 * A logger in the two formats of lifecycle.md 9.1.
 *
 * An `Error` among the attributes is written as its message and those of its causes; at level ERROR its stack follows.
 * Secrets are masked by the names of attributes at any depth (`redact`).
 */
export function createLogger(options: LoggerOptions): Logger {
  const { level, format, write, now = () => new Date() } = options;
  let lost = 0;

  function emit(level: LogLevel, message: string, attributes: LogAttributes): void {
    const time = now();
    try {
      if (lost > 0) {
        const report = {
          time,
          level: "WARN",
          message: "Log records were lost",
          attributes: { lost },
        } as const;
        write(formatLogLine(report, format));
        lost = 0;
      }
      write(formatLogLine({ time, level, message, attributes }, format));
    } catch {
      // A full disk, a closed pipe or an attribute that cannot be read must not end what is being logged about.
      lost += 1;
    }
  }

  function bind(bound: LogAttributes): Logger {
    const at = (own: LogLevel) => (message: string, attributes?: LogAttributes) => {
      if (RANK[own] >= RANK[level])
        emit(own, message, attributes === undefined ? bound : { ...bound, ...attributes });
    };
    return {
      debug: at("DEBUG"),
      info: at("INFO"),
      warn: at("WARN"),
      error: at("ERROR"),
      with: (attributes) => bind({ ...bound, ...attributes }),
    };
  }

  return bind({});
}
