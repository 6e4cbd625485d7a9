import { SETTING_GROUPS } from "./config.ts";
import type { Unit } from "./setting.ts";

export interface SettingRow {
  readonly name: string;
  /** One line for operators. */
  readonly meaning: string;
  /** As an operator would write it, or what happens when it is unset; empty when nothing does. */
  readonly default: string;
  /** The default can be written into an environment file as it is. */
  readonly literal: boolean;
  readonly unit: Unit | undefined;
  /** Completes "must be …"; empty for what is ignored. */
  readonly allowed: string;
  readonly ignored: boolean;
  readonly secret: boolean;
}

/** Every variable by group, for the documents and for showing the settings in force. */
export function settingsTable(): readonly { readonly title: string; readonly rows: readonly SettingRow[] }[] {
  return SETTING_GROUPS.map((group) => ({
    title: group.title,
    rows: Object.entries(group.settings).map(([name, setting]) => {
      const { meaning, secret } = setting;
      if (setting.kind === "ignored")
        return {
          name,
          meaning,
          default: "",
          literal: false,
          unit: undefined,
          allowed: "",
          ignored: true,
          secret,
        };
      const { shownDefault, literal, unit, allowed } = setting;
      return { name, meaning, default: shownDefault, literal, unit, allowed, ignored: false, secret };
    }),
  }));
}

/** Variables that hold secrets, those included that are ignored: no plugin may ever see them. */
export function secretVariables(): readonly string[] {
  return settingsTable().flatMap((group) => group.rows.filter((row) => row.secret).map((row) => row.name));
}
