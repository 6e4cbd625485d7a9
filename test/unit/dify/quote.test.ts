import { expect, test } from "bun:test";
import { QUOTED_CHARS, quoteWithout } from "../../../src/dify/quote.ts";

test("quoteWithout() hides the key wherever it stands, also as JSON has it", () => {
  const quote = quoteWithout('a "key"');
  expect(quote('x-inner-api-key: a "key", again a "key"')).toBe("x-inner-api-key: ***, again ***");
  expect(quote(JSON.stringify({ key: 'a "key"' }))).toBe('{"key":"***"}');
  expect(quoteWithout(undefined)("as it is")).toBe("as it is");
  expect(quoteWithout("")("as it is")).toBe("as it is");
});

test("quoteWithout() quotes the beginning, and never a part of the key", () => {
  const long = quoteWithout("secret")(`${"x".repeat(QUOTED_CHARS - 3)}secret`);
  expect(long).toBe(`${"x".repeat(QUOTED_CHARS - 3)}***`);
  expect(quoteWithout("secret")("x".repeat(QUOTED_CHARS + 1))).toBe(`${"x".repeat(QUOTED_CHARS)}…`);
});
