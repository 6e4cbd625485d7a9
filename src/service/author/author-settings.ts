import type { LocalRuntimeSettings } from "../../runtime/local/local-runtime.ts";
import type { LocalSettings } from "../../runtime/local/settings.ts";

/** What preparing and running an author's plugin depends on: the daemon's own variables, and a folder for all that is made. */
export interface AuthorSettings {
  readonly local: LocalSettings;
  readonly runtime: LocalRuntimeSettings;
}
