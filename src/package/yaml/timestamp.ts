/** One or two digits per field, a zone only after `T`: what counts as a time without quotes. */
const UNQUOTED =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)| (\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,](\d+))?)?$/;
const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/;

/** How an absent time prints. */
export const ZERO_TIME = "0001-01-01T00:00:00Z";

/**
 * A bare YAML timestamp as RFC 3339, its offset kept (contract/plugin-package 0.1); undefined where the text is
 * none. A time without zone is UTC.
 */
export function parseUnquotedTime(text: string): string | undefined {
  const match = UNQUOTED.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hourT, minuteT, secondT, fractionT, zone, hour, minute, second, fraction] =
    match;
  return format(
    [year, month, day, hourT ?? hour, minuteT ?? minute, secondT ?? second],
    fractionT ?? fraction,
    zone,
  );
}

/** An RFC 3339 text in the form in which times are printed; undefined where it is none. */
export function parseRfc3339(text: string): string | undefined {
  const match = RFC_3339.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  return format([year, month, day, hour, minute, second], fraction, zone);
}

function format(
  fields: readonly (string | undefined)[],
  fraction: string | undefined,
  zone = "Z",
): string | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields.map((field) =>
    Number(field ?? 0),
  );
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  if (zone !== "Z" && (Number(zone.slice(1, 3)) > 24 || Number(zone.slice(4)) > 60)) return undefined;
  // Nine digits at most, trailing zeros cut.
  const digits = (fraction ?? "").slice(0, 9).replace(/0+$/, "");
  const offset = /^[+-]00:00$/.test(zone) ? "Z" : zone;
  const two = (value: number) => String(value).padStart(2, "0");
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}${digits ? `.${digits}` : ""}${offset}`;
}

function daysIn(year: number, month: number): number {
  // Day 0 of the next month; the year is shifted because Date reads 0 to 99 as 1900 to 1999.
  return new Date(Date.UTC(year + 400, month, 0)).getUTCDate();
}
