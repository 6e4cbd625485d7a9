import { type Fields, isObject, text } from "./fields.ts";

/** What the platform can be told to do wrong, by the name of a model, tool or app. A number after a colon changes it. */
export const FAULTS = {
  slow: { meaning: "waits, then answers as always", number: 1000, unit: "ms" },
  mute: { meaning: "takes the request and never answers" },
  silence: { meaning: "answers the head of the response, and nothing more" },
  status: { meaning: "answers this status with Dify's JSON error", number: 400 },
  html: { meaning: "answers 502 with a page, as a proxy would" },
  redirect: { meaning: "sends the daemon elsewhere" },
  error: { meaning: "answers with an error text" },
  nil: { meaning: "answers with neither data nor an error" },
  wrong: { meaning: "answers with data of another shape" },
  garbage: { meaning: "answers with what is no JSON and no frame" },
  empty: { meaning: "answers with no byte" },
  big: { meaning: "answers with one result of this size", number: 33_554_432, unit: "bytes" },
  cut: { meaning: "ends in the middle of a result" },
  reset: { meaning: "breaks the connection in the middle of a result" },
  late: { meaning: "streams: an error text after the first result" },
  skip: { meaning: "streams: one frame that is no JSON among good ones" },
  magic: { meaning: "streams: a frame with a wrong first byte, after a good one" },
  header: { meaning: "streams: a frame with a wrong length of its header, after a good one" },
  lie: { meaning: "streams: a frame that is longer than it says, after a good one" },
  split: { meaning: "streams: good frames in pieces of so many bytes", number: 7, unit: "bytes" },
  drip: { meaning: "streams: a pause before every frame", number: 100, unit: "ms" },
  burst: { meaning: "streams: so many results", number: 5000, unit: "results" },
  endless: { meaning: "streams: results until the daemon leaves" },
} as const satisfies Readonly<Record<string, FaultRow>>;

interface FaultRow {
  readonly meaning: string;
  /** Taken where the name has no number of its own. */
  readonly number?: number;
  readonly unit?: string;
}

export type FaultName = keyof typeof FAULTS;

export interface Fault {
  readonly name: FaultName;
  /** 0 for a fault that has none. */
  readonly number: number;
}

/** Where a request says what it is about: `model`, the `name` in it, `tool`, `app_id`, `filename` or `instruction`. */
export function readFault(body: Fields): Fault | undefined {
  const { model } = body;
  for (const name of [
    isObject(model) ? model["name"] : model,
    body["tool"],
    body["app_id"],
    body["filename"],
  ]) {
    const fault = parseFault(text(name));
    if (fault) return fault;
  }
  return parseFault(text(body["instruction"]));
}

function parseFault(name: string): Fault | undefined {
  const [, word = "", number] = /^([a-z]+)(?::(\d{1,9}))?$/.exec(name) ?? [];
  if (!isFaultName(word)) return undefined;
  const row: FaultRow = FAULTS[word];
  return { name: word, number: number === undefined ? (row.number ?? 0) : Number(number) };
}

function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(FAULTS, name);
}
