/** Steps against one tenant, in order: later ones use what earlier ones left. Cleans up after itself. */
export interface Scenario {
  /** As the file of its recorded answers. */
  readonly name: string;
  readonly tenant: string;
  readonly steps: readonly AnyStep[];
}

export type AnyStep = Step | ConnectionStep | ProcessStep;

/** What happens on a connection to the debug server; its answer is the lines that came, and whether the daemon closed it. */
export interface ConnectionStep {
  readonly name: string;
  readonly connection: {
    /** Of a connection that this step opens, or that an earlier one has opened. */
    readonly id: string;
    readonly open?: true;
    /** One line each; an object is written as JSON. */
    readonly send?: readonly (string | object)[];
    /** Reading is over after this time, or when the daemon has closed. */
    readonly waitMs: number;
    /** What the client answers to each request from now on: lines, or its end. */
    readonly answers?: readonly (object | "hang up")[];
    readonly close?: true;
  };
  readonly setup?: undefined;
}

/** A plugin with the SDK outside of the daemon, which connects with `{{debug_key}}`, starts or ends. */
export interface ProcessStep {
  readonly name: string;
  readonly process: "kitchen-tools" | "end";
  /** Not recorded. */
  readonly setup: true;
}

/**
 * One request, and how its answer is compared with the recorded one.
 * `{{tenant}}` and `{{…}}` of captured values are filled in wherever a text stands.
 */
export interface Step {
  /** Unique among the recorded steps of a scenario. */
  readonly name: string;
  /** POST where there is a body, else GET. */
  readonly method?: string;
  readonly path: string;
  /** False: no key is sent. A text: that one in place of the daemon's. */
  readonly key?: string | false;
  /** `X-Plugin-ID`. */
  readonly plugin?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
  /** Empty: none is sent. Default: what fits the body. */
  readonly contentType?: string;

  /** Sent again until its answer says so. */
  readonly until?: Until;
  /** Name → path in the answer (`json.data.id`). What the answer lacks stays as it was. */
  readonly capture?: Readonly<Record<string, string>>;
  /** Reading is given up after this time; what had come until then is the answer, with `ended: false`. */
  readonly abortAfterMs?: number;

  /** Not recorded: has to succeed, nothing more. */
  readonly setup?: boolean;
  /** What the platform was asked meanwhile is part of the answer, as `received`. */
  readonly platform?: boolean;
  /** Paths whose values are free, though they have to be there; `*` stands for any key or index. */
  readonly ignored?: readonly string[];
  /** A message is free (it holds a parser's or validator's own words); type and code of an error count. */
  readonly freeText?: boolean;
  /** Paths of arrays in no particular order. */
  readonly unordered?: readonly string[];
}

export type Body =
  /** `JSON.rawJSON` stands for numbers that a double cannot hold. */
  | { readonly json: unknown }
  | { readonly text: string }
  | { readonly hex: string }
  | { readonly upload: Upload };

/** One file in a multipart form. */
export interface Upload {
  readonly field: string;
  /** Of a recorded package, below `bad/` where it has to be refused. */
  readonly name: string;
  /** So many zeros are sent in place of the package. */
  readonly zeros?: number;
  /** Further parts, before the file. */
  readonly fields?: Readonly<Record<string, string>>;
}

export interface Until {
  /** `status`, `json.…`, or `first.…` for the first frame of a stream. */
  readonly path: string;
  readonly oneOf: readonly unknown[];
  /** With one of these waiting has become hopeless. */
  readonly never?: readonly unknown[];
  readonly withinMs: number;
}
