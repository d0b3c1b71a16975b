/**
 * What a request prefers (RFC 7240): how long an answer may be waited for.
 */

const longestMs = 60_000;

/** `Prefer: wait=10` in ms, at most a minute; `undefined` where nothing is said. */
export function waitOf(prefer: string | undefined): number | undefined {
  const [, seconds] = /(?:^|[,;\s])wait=(\d{1,9})(?![\w.])/.exec(prefer ?? '') ?? [];
  return seconds === undefined ? undefined : Math.min(longestMs, Number(seconds) * 1_000);
}
