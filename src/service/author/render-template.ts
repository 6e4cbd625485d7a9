/** Characters that are legal in JSON texts, and that readers of YAML 1.1 take for an end of line or refuse. */
const UNSAFE = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;
const PLACE = /\{\{("?)([a-z]+)\1\}\}/g;

/**
 * Fills in a template: `{{name}}` becomes the value as it is, `{{"name"}}` the value in quotes, escaped so that it is
 * the same text in YAML, TOML and JSON. Throws where a template wants what is not given.
 */
export function renderTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(PLACE, (_, quote: string, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`Cannot fill in a template: "${name}" is not given`);
    return quote === "" ? value : quoteText(value);
  });
}

/** A text in double quotes for YAML, TOML and JSON. */
export function quoteText(text: string): string {
  return escapeUnsafe(JSON.stringify(text));
}

/** Whether a text can stand in YAML only in double quotes, with `escapeUnsafe`. */
export function isUnsafe(text: string): boolean {
  return text.search(UNSAFE) >= 0;
}

/** Within double quotes: escapes what JSON leaves as it is, and what not every reader of YAML takes so. */
export function escapeUnsafe(quoted: string): string {
  return quoted.replaceAll(
    UNSAFE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
