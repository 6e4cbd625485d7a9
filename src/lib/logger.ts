/** Values beside a message. Never put secrets in; keys that look like one are redacted all the same. */
export type LogAttributes = Readonly<Record<string, unknown>>;

/** A structured logger. Calls never throw and never block for long. */
export interface Logger {
  debug(message: string, attributes?: LogAttributes): void;
  info(message: string, attributes?: LogAttributes): void;
  warn(message: string, attributes?: LogAttributes): void;
  error(message: string, attributes?: LogAttributes): void;
  /** A logger that adds these to every line. */
  with(attributes: LogAttributes): Logger;
}
