import { createHash } from "node:crypto";

/** SHA-256 of the keys that Dify's compose files and the defaults of its code print for everybody to read. */
const PUBLISHED: ReadonlySet<string> = new Set([
  "481c0ab8a6f9e9dcb9391fb1c8b649d19f493c5253e4dc20c2c32ec21875b8ab", // compose: PLUGIN_DAEMON_KEY
  "217ef27f7b2a2f8949eb2e0973f7dfa099f887427b9a6626b2395e2417239ff2", // compose: PLUGIN_DIFY_INNER_API_KEY
  "09d69f20c13599cac514a17e2d79b38b9d8b6cda649b9c3254fbea2696e5dbb6", // code: PLUGIN_DAEMON_KEY
  "3bb61b8cf1620d588b72b212207ac5ac597b4d49ad7eae367f98b776c30ee8ab", // code: INNER_API_KEY_FOR_PLUGIN
]);

export function isPublishedKey(key: string): boolean {
  return PUBLISHED.has(createHash("sha256").update(key).digest("hex"));
}
