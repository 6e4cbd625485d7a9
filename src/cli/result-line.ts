export type ResultLevel = "INFO" | "WARN" | "ERROR";

export interface ResultLine {
  readonly time: Date;
  readonly level: ResultLevel;
  readonly message: string;
  readonly attributes: Readonly<Record<string, string | number>>;
}

/**
 * The line in which the author's commands tell their result, with its newline: `2026/01/02 15:04:05 INFO plugin
 * packaged successfully output_path=a.difypkg`, in local time (contract/plugin-package 7.1). Scripts read it.
 */
export function formatResultLine({ time, level, message, attributes }: ResultLine): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("/");
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
  const pairs = Object.entries(attributes).map(([name, value]) => `${name}=${quoteIfNeeded(String(value))}`);
  return `${[date, clock, level, message, ...pairs].join(" ")}\n`;
}

function quoteIfNeeded(text: string): string {
  return text === "" || /[\s"=\p{Cc}]/u.test(text) ? JSON.stringify(text) : text;
}
