/**
 * What people write for a setting that can be taken back, as queues, limits and tenants have them: numbers and rates.
 */

/** `none` and `default` take back what was set. */
export function numberOf(text: string): number | null {
  return isTakenBack(text) ? null : Number(text);
}

/** Starts a second of `10`, `10/s`, `30/m` or `100/h`. */
export function rateOf(text: string): number | null {
  if (isTakenBack(text)) return null;
  const [, starts, per = 's'] = /^([\d.]+)(?:\/([smh]))?$/.exec(text) ?? [];
  const seconds = new Map([
    ['s', 1],
    ['m', 60],
    ['h', 3_600],
  ]);
  return Number(starts) / (seconds.get(per) ?? Number.NaN);
}

/** A rate as people read it. */
export function rateText({ ratePerSecond }: { ratePerSecond?: number }): string {
  if (ratePerSecond === undefined) return '-';
  return ratePerSecond < 1 ? `${Math.round(ratePerSecond * 60_000) / 1_000}/m` : `${ratePerSecond}/s`;
}

/** A count as people read it. */
export function countText(value: number | undefined): string {
  return value === undefined ? '-' : String(value);
}

/** What is set, in one line. */
export function setText(what: string, set: object): string {
  const all = Object.entries(set).map(([name, value]) => `${name} ${value}`);
  return `${what}: ${all.join(', ') || 'nothing is set'}.`;
}

export function isTakenBack(text: string): boolean {
  return text === 'default' || text === 'none';
}
