/**
 * The life of a job to scale: how long it was in which state.
 */

import type { JobRecord } from '../../../../sdk/index.ts';
import { duration } from '../moment.ts';
import { isSettled } from '../part/state.tsx';

interface Stretch {
  n: number;
  state: string;
  ms: number;
}

export function Timeline({ job, now }: { job: JobRecord; now: number }) {
  const stretches = stretchesOf(job, now);
  const all = stretches.reduce((sum, { ms }) => sum + ms, 0);
  if (all === 0) return null;
  const told = stretches.map(({ state, ms }) => `${state} ${duration(ms)}`).join(', ');
  let from = 0;
  return (
    <figure class="timeline">
      <svg class="shares" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label={told}>
        {stretches.map(({ n, state, ms }) => {
          const [x, width] = [(1_000 * from) / all, Math.max(2, (1_000 * ms) / all)];
          from += ms;
          return (
            <rect key={n} class={`state-${state}`} x={x} y={0} width={width} height={10}>
              <title>{`${state} for ${duration(ms)}`}</title>
            </rect>
          );
        })}
      </svg>
      <figcaption>
        {[...Map.groupBy(stretches, ({ state }) => state)].map(([state, those]) => (
          <span key={state}>
            <i class={`swatch state-${state}`} /> {state}{' '}
            <span class="dim">{duration(those.reduce((sum, { ms }) => sum + ms, 0))}</span>
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

/** Each state that it was in, until `now` where it is still in it. A settled one takes no time. */
function stretchesOf({ transitions }: JobRecord, now: number): readonly Stretch[] {
  return transitions.flatMap(({ n, to, at }, index) => {
    const next = transitions[index + 1];
    if (next === undefined && isSettled(to)) return [];
    return [{ n, state: to, ms: Math.max(0, (next?.at ?? now) - at) }];
  });
}
