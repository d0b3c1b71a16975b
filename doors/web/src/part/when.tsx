/**
 * A moment: how long ago it is, and exactly when on demand.
 */

import { moment, relative } from '../moment.ts';

export function When({ at }: { at: number | undefined }) {
  if (at === undefined) return <span class="dim">–</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={moment(at)}>
      {relative(at)}
    </time>
  );
}
