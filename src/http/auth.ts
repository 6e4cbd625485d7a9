import { DaemonError } from "../protocol/daemon-error.ts";

/** A check of the key in a header. How long it takes depends on what was given, and never on the key. */
export function createKeyCheck(header: string, key: string): (request: Request) => void {
  return (request) => {
    const given = request.headers.get(header);
    if (given === null || !isSame(given, key)) throw new DaemonError("unauthorized", "unauthorized");
  };
}

/** Looks at all of what was given, wherever it differs; a digest of both would be the same ten times slower. */
function isSame(given: string, key: string): boolean {
  let difference = given.length ^ key.length;
  for (let at = 0; at < given.length; at++)
    difference |= given.charCodeAt(at) ^ key.charCodeAt(at % key.length);
  return difference === 0;
}
