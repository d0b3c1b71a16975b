/**
 * What a person may do to a job: each verb that its machine knows in this state, with a question before it, and the reason where
 * it cannot be done.
 */

import { useState } from 'preact/hooks';
import type { JobRecord } from '../../../../sdk/index.ts';
import { ask, Problem } from '../ask.ts';
import { Fields } from '../bulk/fields.tsx';
import { commandForOne, empty, type Filled, type VerbName, verbOf, type Word, words } from '../bulk/order.ts';
import { Confirm } from '../part/confirm.tsx';
import { isSettled, statesFor } from '../part/state.tsx';
import { toast } from '../part/toast.tsx';
import { reasonAgainst } from '../role.ts';

/** What it does to one job, in a sentence. */
const does: Readonly<Record<VerbName, string>> = {
  hold: 'It does not start until it is released.',
  release: 'It goes on to wait for its turn.',
  retry: 'It is ready at once, instead of at its moment.',
  redrive: 'It runs again, with all of its attempts.',
  move: 'It waits in another queue.',
  prioritise: 'It waits with another priority.',
  reschedule: 'It does not start before another moment.',
  cancel: 'It is stopped for good; where its handler runs, that is told to stop.',
};

/** Done at once, without a question. */
const plain: readonly VerbName[] = ['release', 'retry'];

interface VerbsProps {
  job: JobRecord;
  again(): void;
}

export function Verbs({ job, again }: VerbsProps) {
  const [asked, setAsked] = useState<Word>();
  const shown = words.filter(({ verb }) => statesFor(verb).includes(job.state) && !isDone(verb, job));
  const against = reasonAgainst('operate');
  const begin = (word: Word) => {
    if (against !== undefined) toast(against);
    else if (plain.includes(word.verb)) void act(job.id, word.verb, empty).then(toast).then(again);
    else setAsked(word);
  };
  return (
    <span class="verbs" role="toolbar" aria-label="What can be done">
      {shown.map((word) => (
        <button
          type="button"
          key={word.verb}
          aria-disabled={against !== undefined}
          title={against ?? does[word.verb]}
          onClick={() => begin(word)}
        >
          {word.label}
        </button>
      ))}
      {isSettled(job.state) && shown.length === 0 && <span class="dim">It is settled for good.</span>}
      {asked !== undefined && (
        <Question
          word={asked}
          job={job}
          onClose={() => setAsked(undefined)}
          onDone={() => {
            setAsked(undefined);
            again();
          }}
        />
      )}
    </span>
  );
}

/** What was wished already, and is not yet done by the worker. */
function isDone(verb: VerbName, { state, context }: JobRecord): boolean {
  return (verb === 'cancel' && context.cancelAt !== undefined) || (verb === 'hold' && state === 'held');
}

function Question({
  word,
  job: { id },
  onClose,
  onDone,
}: {
  word: Word;
  job: JobRecord;
  onClose(): void;
  onDone(): void;
}) {
  const [filled, setFilled] = useState<Filled>(empty);
  const [problem, setProblem] = useState<string>();
  const verb = verbOf(word.verb, filled);
  const go = async () => {
    try {
      toast(await act(id, word.verb, filled));
      onDone();
    } catch (cause) {
      if (!(cause instanceof Problem)) throw cause;
      setProblem(cause.message);
    }
  };
  return (
    <Confirm
      title={`${word.label} ${id}`}
      verb={word.label}
      command={typeof verb === 'string' ? `yard job ${word.verb} ${id} …` : commandForOne(verb, id)}
      isDangerous={word.verb === 'cancel'}
      hindrance={problem ?? (typeof verb === 'string' ? verb : undefined)}
      onYes={() => void go()}
      onNo={onClose}
    >
      <p>{does[word.verb]}</p>
      <Fields verb={word.verb} filled={filled} onFill={setFilled} />
    </Confirm>
  );
}

/** What was done, as a command. @throws {Problem} */
async function act(id: string, name: VerbName, filled: Filled): Promise<string> {
  const verb = verbOf(name, filled);
  if (typeof verb === 'string') return verb;
  const { verb: word, ...body } = verb;
  await ask(`/v1/jobs/${encodeURIComponent(id)}/${word}`, { method: 'POST', body });
  return `Done: ${commandForOne(verb, id)}`;
}
