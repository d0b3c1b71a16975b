/**
 * One verb on many jobs: first how many it would be done to and some of them, then the question, then the start.
 */

import { useEffect, useState } from 'preact/hooks';
import type { BulkRecord } from '../../../../sdk/index.ts';
import { ask, Problem, pathWith } from '../ask.ts';
import type { JobsAnswer } from '../page/answer.ts';
import { Confirm } from '../part/confirm.tsx';
import { StateBadge, statesFor } from '../part/state.tsx';
import { Fields } from './fields.tsx';
import { commandOf, empty, type Filled, verbOf, type Which, type Word } from './order.ts';

const sampled = 5;
/** From so many on, how many they are is typed first, whatever is done. */
const many = 1_000;

export interface OrderProps {
  word: Word;
  which: Which;
  onStarted(operation: BulkRecord): void;
  onClose(): void;
}

export function OrderDialog({ word, which, onStarted, onClose }: OrderProps) {
  const [filled, setFilled] = useState<Filled>(empty);
  const [problem, setProblem] = useState<string>();
  const { matched, sample, wrong } = useTrial(word, which);
  const verb = verbOf(word.verb, filled);
  const start = async () => {
    try {
      onStarted(await ask<BulkRecord>('/v1/bulk', { method: 'POST', body: { verb, filter: which } }));
    } catch (cause) {
      setProblem(sentenceOf(cause));
    }
  };
  const isDangerous = word.verb === 'cancel';
  const typed = `${word.verb} ${matched}`;
  return (
    <Confirm
      title={`${word.label} jobs`}
      verb={matched === undefined ? word.label : `${word.label} ${matched.toLocaleString('en')}`}
      command={typeof verb === 'string' ? `yard job ${word.verb} …` : commandOf(verb, which)}
      typed={matched !== undefined && (isDangerous || matched >= many) ? typed : undefined}
      isDangerous={isDangerous}
      hindrance={problem ?? wrong ?? hindranceOf(matched, verb)}
      onYes={() => void start()}
      onNo={onClose}
    >
      <p>{word.does}</p>
      <Trial matched={matched} sample={sample} which={which} />
      <Fields verb={word.verb} filled={filled} onFill={setFilled} />
    </Confirm>
  );
}

function hindranceOf(matched: number | undefined, verb: unknown): string | undefined {
  if (matched === undefined) return 'Counting them …';
  if (matched === 0) return 'There is no such job to which this can be done.';
  return typeof verb === 'string' ? verb : undefined;
}

interface Trialled {
  matched?: number | undefined;
  sample: JobsAnswer['jobs'];
  wrong?: string;
}

/** What it would be done to now. Nothing is done. */
function useTrial({ verb }: Word, which: Which): Trialled {
  const [trial, setTrial] = useState<Trialled>({ sample: [] });
  useEffect(() => {
    const left = new AbortController();
    const look = async () => {
      const body = { verb: probe(verb), filter: which };
      const { id, ...filter } = which;
      const asked = { ...filter, state: which.state ?? statesFor(verb), limit: sampled };
      // A master whose view is still being made can count, and has no sample yet.
      const none = () => ({ jobs: [] });
      const { signal } = left;
      const [{ matched }, { jobs }] = await Promise.all([
        ask<{ matched: number }>('/v1/bulk/count', { method: 'POST', body, signal }),
        id === undefined ? ask<JobsAnswer>(pathWith('/v1/jobs', asked), { signal }).catch(none) : none(),
      ]);
      setTrial({ matched, sample: jobs });
    };
    look().catch((cause: unknown) => left.signal.aborted || setTrial({ sample: [], wrong: sentenceOf(cause) }));
    return () => left.abort();
  }, [verb, which]);
  return trial;
}

/** Any verb of that name: which jobs it can be done to does not hang on the rest. */
function probe(verb: Word['verb']) {
  const filled = verbOf(verb, { ...empty, queue: 'default', at: '2027-01-01T00:00' });
  return typeof filled === 'string' ? { verb } : filled;
}

function Trial({ matched, sample, which }: Omit<Trialled, 'wrong'> & { which: Which }) {
  if (matched === undefined) return null;
  const ids = which.id === undefined ? [] : [which.id].flat();
  return (
    <section aria-label="Dry run">
      <p>
        <strong class="matched">{matched.toLocaleString('en')}</strong>{' '}
        {ids.length > 0 ? `of the ${ids.length} that are selected` : 'jobs match, and it can be done to them'}
        {ids.length > 0 && matched < ids.length && '; to the others it cannot be done in their states'}.
      </p>
      <ul class="sample">
        {ids.slice(0, sampled).map((id) => (
          <li key={id}>
            <code>{id}</code>
          </li>
        ))}
        {sample.map(({ id, name, type, state, queue }) => (
          <li key={id}>
            <code>{name ?? id}</code> {type}, {queue} <StateBadge state={state} />
          </li>
        ))}
        {matched > Math.max(sample.length, Math.min(sampled, ids.length)) && <li class="dim">and others</li>}
      </ul>
    </section>
  );
}

function sentenceOf(cause: unknown): string {
  if (!(cause instanceof Problem)) throw cause;
  return cause.message;
}
