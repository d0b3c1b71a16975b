/**
 * What stands on a wire, in the picture and where its size is worked out.
 */

import type { Way } from './wire.ts';

/** Line by line: its events, and under each by which guards. */
export function linesOf(ways: readonly Way[]): readonly string[] {
  return [...Map.groupBy(ways, ({ event }) => event)].flatMap(([event, those]) => [
    event === '' ? 'at once' : event,
    ...those.flatMap(({ guard }) => (guard === '' ? [] : [`[${guard}]`])),
  ]);
}
