/**
 * What a load consists of: how many jobs of which kind, in an order in which the kinds are spread evenly.
 */

export const kinds = ['noop', 'flaky', 'fail', 'sleep'] as const;
export type Kind = (typeof kinds)[number];

export interface Mix {
  jobs: number;
  /** How many submit at the same time. */
  submitters: number;
  /** Shares of the kinds; together 100. */
  percent: Readonly<Record<Kind, number>>;
  sleepMs: number;
  /** How many attempts of a flaky job fail before one succeeds. */
  flakyAttempts: number;
  queue?: string;
}

/** One job of a load. */
export interface Planned {
  kind: Kind;
  type: string;
  payload: Readonly<Record<string, number>>;
}

/** All jobs of a load: however many have come so far, each kind has had its share of them, within one. */
export function* plan(mix: Mix): Iterable<Planned> {
  const given: Record<Kind, number> = { noop: 0, flaky: 0, fail: 0, sleep: 0 };
  const owed = (kind: Kind, n: number) => (mix.percent[kind] * (n + 1)) / 100 - given[kind];
  for (let n = 0; n < mix.jobs; n++) {
    const kind = kinds.reduce((most, each) => (owed(each, n) > owed(most, n) ? each : most));
    given[kind]++;
    yield { kind, ...jobOf(kind, mix) };
  }
}

function jobOf(kind: Kind, { sleepMs, flakyAttempts }: Mix): Pick<Planned, 'type' | 'payload'> {
  switch (kind) {
    case 'noop':
      return { type: 'noop', payload: {} };
    case 'flaky':
      return { type: 'flaky', payload: { failAttempts: flakyAttempts } };
    case 'fail':
      return { type: 'always_fail', payload: {} };
    case 'sleep':
      return { type: 'sleeper', payload: { executionTimeMs: sleepMs } };
  }
}
