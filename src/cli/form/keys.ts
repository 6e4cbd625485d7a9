/** A key of a terminal that means something in a form. */
export type Key = "up" | "down" | "enter" | "toggle" | "interrupt";

const SEQUENCES: readonly (readonly [string, Key])[] = [
  ["\u001b[A", "up"],
  ["\u001bOA", "up"],
  ["\u001b[B", "down"],
  ["\u001bOB", "down"],
  ["\r", "enter"],
  ["\n", "enter"],
  ["\t", "toggle"],
  [" ", "toggle"],
  ["k", "up"],
  ["j", "down"],
  ["\u0003", "interrupt"],
  ["\u0004", "interrupt"],
];

/** The keys in what a raw terminal sent, in order; whatever else was typed is passed over. */
export function readKeys(text: string): Key[] {
  const keys: Key[] = [];
  for (let at = 0; at < text.length;) {
    const found = SEQUENCES.find(([sequence]) => text.startsWith(sequence, at));
    if (found) keys.push(found[1]);
    at += found ? found[0].length : 1;
  }
  return keys;
}
