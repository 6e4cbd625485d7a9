import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** Values of all labels of a family. */
export type Labels<T extends string> = Readonly<Record<T, string | number>>;

export interface TallyOptions<T extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly T[];
  readonly registry: Registry;
}

/** Observations that wait at most in one series, so that nothing grows where nobody ever asks for metrics. */
const MAX_WAITING = 1000;

/**
 * Families that every request touches. What is counted is kept by the values of the labels and handed to the registry
 * when that is asked: it sorts, checks and hashes the labels at every touch, which was a twentieth of a short call.
 */
export function tallyCounter<T extends string>(
  options: TallyOptions<T>,
): { inc(labels: Labels<T>, by?: number): void } {
  const { registry, ...family } = options;
  const seriesOf = createSeries(family.labelNames, () => ({ count: 0 }));
  const counter = new Counter({
    ...family,
    registers: [],
    collect() {
      for (const { labels, state } of seriesOf.all()) {
        this.inc(labels, state.count);
        state.count = 0;
      }
    },
  });
  registry.registerMetric(counter);
  return {
    inc(labels, by = 1) {
      seriesOf(labels).count += by;
    },
  };
}

export function tallyGauge<T extends string>(
  options: TallyOptions<T>,
): { inc(labels: Labels<T>): void; dec(labels: Labels<T>): void } {
  const { registry, ...family } = options;
  const seriesOf = createSeries(family.labelNames, () => ({ value: 0 }));
  const gauge = new Gauge({
    ...family,
    registers: [],
    collect() {
      for (const { labels, state } of seriesOf.all()) this.set(labels, state.value);
    },
  });
  registry.registerMetric(gauge);
  return {
    inc: (labels) => void seriesOf(labels).value++,
    dec: (labels) => void seriesOf(labels).value--,
  };
}

export function tallyHistogram<T extends string>(
  options: TallyOptions<T> & { readonly buckets: number[] },
): { observe(labels: Labels<T>, value: number): void } {
  const { registry, ...family } = options;
  const seriesOf = createSeries(family.labelNames, (): { waiting: number[] } => ({ waiting: [] }));
  const histogram = new Histogram({
    ...family,
    registers: [],
    collect() {
      for (const { labels, state } of seriesOf.all()) drain(labels, state);
    },
  });
  registry.registerMetric(histogram);

  function drain(labels: Labels<T>, state: { waiting: number[] }): void {
    for (const value of state.waiting) histogram.observe(labels, value);
    state.waiting = [];
  }

  return {
    observe(labels, value) {
      const state = seriesOf(labels);
      state.waiting.push(value);
      if (state.waiting.length >= MAX_WAITING) drain(labels, state);
    },
  };
}

/** One state for every combination of label values that was seen. */
function createSeries<T extends string, S>(labelNames: readonly T[], create: () => S) {
  const byValues = new Map<string, { readonly labels: Labels<T>; readonly state: S }>();

  function seriesOf(labels: Labels<T>): S {
    let key = "";
    // A line feed is in no value; where it is, two series are counted as one, and nothing worse.
    for (const name of labelNames) key += `${labels[name]}\n`;
    let series = byValues.get(key);
    if (!series) {
      series = { labels, state: create() };
      byValues.set(key, series);
    }
    return series.state;
  }
  return Object.assign(seriesOf, { all: () => byValues.values() });
}
