/** Something that happened to a plugin or to a call of it. */
export interface NewLiveEvent {
  readonly pluginId: string;
  /** Whose it is; undefined: everybody's who has the plugin, as a process serves all tenants. */
  readonly tenantId: string | undefined;
  /** `log`, `stderr`, `output`, `lifecycle`, `call_began`, … */
  readonly type: string;
  /** Becomes JSON when somebody watches; must not change any more. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Roughly what it takes in memory. */
  readonly bytes: number;
}

export interface LiveEvent extends NewLiveEvent {
  /** Counts from 1 for each plugin, without gaps. */
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}
