/**
 * The beginning of the names of a plugin's classes, such as `MyPlugin` for `my-plugin`. Always an identifier: what
 * follows it makes a keyword impossible.
 */
export function classBase(pluginName: string): string {
  const words = pluginName.split(/[^a-zA-Z0-9]+/).filter((word) => word !== "");
  const joined = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
  return /^[A-Za-z]/.test(joined) ? joined : `Plugin${joined}`;
}
