import { describe, expect, test } from "bun:test";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { tallyCounter, tallyGauge, tallyHistogram } from "../../../src/service/tallies.ts";

function setUp() {
  const registry = new Registry();
  const family = { name: "x", help: "X", labelNames: ["a", "b"] as const };
  return {
    tallied: { ...family, registry },
    plain: { ...family, registers: [registry] },
    text: () => registry.metrics(),
  };
}

const ONE = { a: "1", b: "x" };
const OTHER = { a: "1", b: "y" };

describe("tallyCounter()", () => {
  test("tells what prom-client would, at every scrape", async () => {
    const ours = setUp();
    const theirs = setUp();
    const counters = [tallyCounter(ours.tallied), new Counter(theirs.plain)];
    for (const labels of [[ONE, OTHER, ONE], [], [OTHER]]) {
      for (const counter of counters) for (const one of labels) counter.inc(one);
      expect(await ours.text()).toBe(await theirs.text());
    }
  });

  test("tells series apart whose values would be the same when joined", async () => {
    const { tallied, text } = setUp();
    const counter = tallyCounter(tallied);
    counter.inc({ a: "1", b: "23" });
    counter.inc({ a: "12", b: "3" });
    expect((await text()).match(/ 1$/gm)).toHaveLength(2);
  });

  test("takes labels in any order for the same series", async () => {
    const { tallied, text } = setUp();
    const counter = tallyCounter(tallied);
    counter.inc({ a: "1", b: "2" });
    counter.inc({ b: "2", a: "1" });
    expect(await text()).toContain('x{a="1",b="2"} 2');
  });
});

describe("tallyGauge()", () => {
  test("tells what prom-client would, also back at zero", async () => {
    const ours = setUp();
    const theirs = setUp();
    const gauges = [tallyGauge(ours.tallied), new Gauge(theirs.plain)];
    for (const step of ["inc", "inc", "dec", "dec"] as const) {
      for (const gauge of gauges) gauge[step](ONE);
      expect(await ours.text()).toBe(await theirs.text());
    }
  });
});

describe("tallyHistogram()", () => {
  test("tells what prom-client would, however many observations there were between two scrapes", async () => {
    const ours = setUp();
    const theirs = setUp();
    const buckets = [0.1, 1];
    const histograms = [
      tallyHistogram({ ...ours.tallied, buckets }),
      new Histogram({ ...theirs.plain, buckets }),
    ];
    for (const count of [3, 0, 2500]) {
      for (const histogram of histograms)
        for (let i = 0; i < count; i++) histogram.observe(i % 2 === 0 ? ONE : OTHER, (i % 3) / 2);
      expect(await ours.text()).toBe(await theirs.text());
    }
  });
});
