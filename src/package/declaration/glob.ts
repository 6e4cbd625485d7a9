/**
 * Matches a whole path against a glob: `*` and `?` stay within one path component, `[a-z]` and `[^a-z]` are classes,
 * `\` takes the next character as it is, and `**` means no more than `*` (contract/plugin-package 2.3).
 *
 * Undefined where the pattern is malformed. Takes time in proportion to both lengths, whatever the pattern.
 */
export function matchGlob(pattern: string, path: string): boolean | undefined {
  const parts = parseGlob(pattern);
  if (!parts) return undefined;
  const text = Array.from(path);
  let at = 0;
  let part = 0;
  // Only the last star has to be tried again: it can take whatever an earlier one could.
  let star = -1;
  let starAt = 0;
  while (at < text.length || part < parts.length) {
    const next = parts[part];
    const character = text[at];
    if (next === "*") {
      star = part++;
      starAt = at;
    } else if (next && character !== undefined && next(character)) {
      part++;
      at++;
    } else {
      const taken = text[starAt];
      if (star < 0 || taken === undefined || taken === "/") return false;
      at = ++starAt;
      part = star + 1;
    }
  }
  return true;
}

type Part = "*" | ((character: string) => boolean);

function parseGlob(pattern: string): Part[] | undefined {
  const text = Array.from(pattern);
  const parts: Part[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "*") {
      if (parts.at(-1) !== "*") parts.push("*");
    } else if (character === "?") parts.push((other) => other !== "/");
    else if (character === "[") {
      const end = parseClass(text, at + 1, parts);
      if (end === undefined) return undefined;
      at = end;
    } else {
      const literal = character === "\\" ? text[++at] : character;
      if (literal === undefined) return undefined;
      parts.push((other) => other === literal);
    }
  }
  return parts;
}

/** Adds the class that starts at `from`; gives where its `]` stands. */
function parseClass(text: readonly string[], from: number, parts: Part[]): number | undefined {
  let at = from;
  const negated = text[at] === "^";
  if (negated) at++;
  const ranges: [string, string][] = [];
  const one = (): string | undefined => {
    if (text[at] === "\\") at++;
    else if (text[at] === "-" || text[at] === "]") return undefined;
    return text[at++];
  };
  while (text[at] !== "]" || ranges.length === 0) {
    const low = one();
    if (low === undefined) return undefined;
    let high: string | undefined = low;
    if (text[at] === "-") {
      at++;
      high = one();
    }
    if (high === undefined) return undefined;
    ranges.push([low, high]);
  }
  parts.push(
    (other) => other !== "/" && ranges.some(([low, high]) => low <= other && other <= high) !== negated,
  );
  return at;
}
