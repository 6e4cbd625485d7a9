import { expect, test } from "bun:test";
import { limitBodies } from "../../src/http/body-limit.ts";

const limited = limitBodies(() => new Response("in"), { maxBytes: 100, except: ["/upload/bundle"] });

async function statusOf(path: string, length?: string): Promise<number> {
  const headers = length === undefined ? {} : { "content-length": length };
  return (await limited(new Request(`http://localhost${path}`, { method: "POST", headers }))).status;
}

test("limitBodies() answers 413 for a body that says it is too large", async () => {
  expect(await statusOf("/a", "101")).toBe(413);
  expect(await statusOf("/a?/upload/bundle", "1e9")).toBe(413);
  expect(await statusOf("/a", "100")).toBe(200);
  expect(await statusOf("/a", "0")).toBe(200);
  expect(await statusOf("/a")).toBe(200);
});

test("limitBodies() lets through what is received onto the disk", async () => {
  expect(await statusOf("/t/upload/bundle", "101")).toBe(200);
  expect(await statusOf("/t/upload/bundle?x=1", "1000000000")).toBe(200);
});
