import { expect, test } from "bun:test";
import { openEventLines } from "../../src/http/connector/event-lines.ts";

const open = () =>
  openEventLines({ missed: (missed) => ({ missed }), ping: ": ping\n\n", greeting: ": hello\n\n" });

test("openEventLines() sends values as events without names or ids, in order, to the end", async () => {
  const lines = open();
  expect(lines.response.headers.get("content-type")).toBe("text/event-stream");
  lines.send({ a: "x\ny\u2028" });
  lines.send([1]);
  lines.end();
  lines.send("too late");
  const text = await lines.response.text();
  expect(text.split("\n").filter((line) => line !== "")).toEqual([
    ": hello",
    expect.stringMatching(/^data: ?\{"a":"x\\ny[^"]*"\}$/),
    expect.stringMatching(/^data: ?\[1\]$/),
  ]);
});

test("openEventLines() keeps a bounded part for a client that does not read, tells how many it missed, and loses nothing vital", async () => {
  const lines = open();
  for (let at = 0; at < 5000; at++) lines.send(at);
  lines.send("the end", { vital: true });
  lines.end();
  const text = await lines.response.text();
  const events = [...text.matchAll(/^data: ?(.*)$/gm)].map(([, data = ""]) => JSON.parse(data) as unknown);
  expect(events.length).toBeLessThan(1100);
  expect(events).toContain("the end");
  const [told] = events.filter((event) => typeof event === "object") as { missed: number }[];
  expect((told?.missed ?? 0) + events.filter((event) => typeof event === "number").length).toBe(5000);
});

test("openEventLines() notices a client that leaves, and keeps nothing for it", async () => {
  const lines = open();
  const reader = lines.response.body?.getReader();
  await reader?.read();
  const waiting = reader?.read();
  await reader?.cancel();
  await waiting;
  expect(lines.left.aborted).toBe(true);
  lines.send("nobody reads this");
  lines.end();
});
