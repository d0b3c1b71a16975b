/**
 * What is being done to many jobs at once: how far it has come, what was refused and why, and a way to stop it. Whoever asked
 * for it may go away: a master carries it out, and everybody sees it.
 */

import type { BulkRecord } from '../../../../sdk/index.ts';
import { useAsked } from '../asked.ts';
import { commandLine } from '../shell.ts';
import { Act } from './act.tsx';
import { When } from './when.tsx';

const shownForMs = 300_000;
const shownAtMost = 4;
const looks = { running: 'state-processing', done: 'lead', aborted: 'warn', failed: 'bad' } as const;

/** Operations of this verb that run, or have ended a moment ago. */
export function BulkStrip({ verb }: { verb: BulkRecord['verb']['verb'] }) {
  const { answer, again } = useAsked<{ operations: readonly BulkRecord[] }>('/v1/bulk', 1_000);
  const those = (answer?.operations ?? []).filter(
    (one) => one.verb.verb === verb && (one.endedAt === undefined || Date.now() - one.endedAt < shownForMs),
  );
  if (those.length === 0) return null;
  return (
    <section class="strip" aria-label="What is being done">
      {those.slice(0, shownAtMost).map((one) => (
        <BulkLine key={one.id} bulk={one} onDone={again} />
      ))}
    </section>
  );
}

function BulkLine({ bulk, onDone }: { bulk: BulkRecord; onDone(): void }) {
  const { id, verb, state, matched, done, refused, perSecond, by, createdAt, abort, error } = bulk;
  const refusals = Object.entries(refused);
  return (
    <article class="card">
      <header>
        <strong>{verb.verb}</strong>
        <span class={`badge ${looks[state]}`}>{state === 'running' && abort !== undefined ? 'aborting' : state}</span>
        <span>
          {done.toLocaleString('en')} of {matched === undefined ? '…' : matched.toLocaleString('en')}
        </span>
        <span class="dim">
          {perSecond !== undefined && `at most ${perSecond} a second, `}by {by}, <When at={createdAt} />
        </span>
        {state === 'running' && (
          <span class="verbs">
            <Act
              label="Abort"
              path={`/v1/bulk/${id}/abort`}
              command={commandLine(['bulk', 'abort', id])}
              onDone={onDone}
            />
          </span>
        )}
      </header>
      {state === 'running' && (
        <progress aria-label={`How far ${verb.verb} has come`} {...(matched ? { max: matched, value: done } : {})} />
      )}
      {error !== undefined && <p class="bad">{error}</p>}
      {refusals.map(([sentence, jobs]) => (
        <p key={sentence} class="note">
          {jobs.toLocaleString('en')} refused: {sentence}
        </p>
      ))}
    </article>
  );
}
