/**
 * What is being done to many jobs: how far it has come, what was refused and why, and the way to stop it. A master carries it
 * out, so the page may be left.
 */

import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { BulkRecord } from '../../../../sdk/index.ts';
import { useAsked } from '../asked.ts';
import { Act } from '../part/act.tsx';
import { toast } from '../part/toast.tsx';

/** Those that were started here and not yet put away. */
const kept = signal<readonly string[]>([]);

export function follow({ id }: BulkRecord): void {
  kept.value = [...kept.value, id];
}

export interface OperationsProps {
  /** Those of this verb alone. */
  verb?: BulkRecord['verb']['verb'];
  onMoved(): void;
}

export function Operations({ verb: only, onMoved }: OperationsProps) {
  const { answer, again } = useAsked<{ operations: readonly BulkRecord[] }>('/v1/bulk', 700);
  const those = (answer?.operations ?? []).filter(
    ({ id, state, verb }) =>
      (only === undefined || verb.verb === only) && (state === 'running' || kept.value.includes(id)),
  );
  const done = those.reduce((sum, operation) => sum + throughOf(operation), 0);
  const before = useRef(done);
  useEffect(() => {
    if (before.current !== done) onMoved();
    before.current = done;
  }, [done, onMoved]);
  if (those.length === 0) return null;
  return (
    <section class="operations" aria-label="What is done to many jobs">
      {those.map((operation) => (
        <Operation key={operation.id} operation={operation} again={again} />
      ))}
    </section>
  );
}

function Operation({ operation, again }: { operation: BulkRecord; again(): void }) {
  const { id, verb, state, matched, done, refused, error, by, abort, perSecond } = operation;
  const through = throughOf(operation);
  const putAway = () => {
    kept.value = kept.value.filter((one) => one !== id);
    toast(`Read it again with: yard bulk get ${id}`);
  };
  return (
    <section class={`card operation ${state}`} aria-label={`${verb.verb}, ${state}`}>
      <header>
        <strong>{verb.verb}</strong>
        <span class={`badge ${badges[state]}`}>{state === 'running' && abort !== undefined ? 'stopping' : state}</span>
        <span>
          {done.toLocaleString('en')} of {matched?.toLocaleString('en') ?? '…'} done
          {through > done && `, ${(through - done).toLocaleString('en')} refused`}
        </span>
        <span class="dim">
          {perSecond !== undefined && `at most ${perSecond} a second, `}by {by}
        </span>
        <span class="verbs">
          {state === 'running' ? (
            <Act label="Abort" path={`/v1/bulk/${id}/abort`} command={`yard bulk abort ${id}`} onDone={again} />
          ) : (
            <button type="button" onClick={putAway}>
              Put away
            </button>
          )}
        </span>
      </header>
      <progress max={Math.max(1, matched ?? 1)} value={through} aria-label={`How far ${verb.verb} has come`} />
      {error !== undefined && <p class="bad">{error}</p>}
      {Object.entries(refused).map(([why, count]) => (
        <p class="dim" key={why}>
          {count} refused: {why}
        </p>
      ))}
      <code class="dim">yard bulk follow {id}</code>
    </section>
  );
}

const badges: Readonly<Record<BulkRecord['state'], string>> = {
  running: 'state-processing',
  done: 'state-completed',
  aborted: 'warn',
  failed: 'bad',
};

function throughOf({ done, refused }: BulkRecord): number {
  return done + Object.values(refused).reduce((sum, count) => sum + count, 0);
}
