/** What is quoted of an answer that is an error. */
export const QUOTED_CHARS = 4096;

/**
 * Quotes the beginning of a text without the key: a platform, or a proxy before it, may say what it was sent, and errors go
 * to plugins and logs.
 */
export function quoteWithout(key: string | undefined): (text: string) => string {
  return (text) => {
    const safe = key === undefined || key === "" ? text : hide(text, key);
    return safe.length > QUOTED_CHARS ? `${safe.slice(0, QUOTED_CHARS)}…` : safe;
  };
}

function hide(text: string, key: string): string {
  return text.replaceAll(key, "***").replaceAll(JSON.stringify(key).slice(1, -1), "***");
}
