/**
 * Asks how many failed jobs shall run again and how fast, counts them first, and has all of them confirmed by their number.
 */

import { useEffect, useState } from 'preact/hooks';
import type { BulkRecord, DeadGroup } from '../../../../sdk/index.ts';
import { ask, Problem } from '../ask.ts';
import { follow } from '../bulk/operations.tsx';
import { Confirm } from '../part/confirm.tsx';
import { Trouble } from '../part/trouble.tsx';
import { commandLine } from '../shell.ts';

export interface DeadFilter {
  priority?: string | undefined;
  queue?: string | undefined;
  type?: string | undefined;
  tag?: string | undefined;
}

export interface RedriveProps {
  /** Of this group; of all of them where there is none. */
  group?: DeadGroup;
  filter: DeadFilter;
  /** As many as the page has shown. */
  count: number;
  onClose(): void;
  onStarted(): void;
}

const usualSample = 5;

export function Redrive({ group, filter, count, onClose, onStarted }: RedriveProps) {
  const [isSample, setSample] = useState(count > usualSample);
  const [size, setSize] = useState(Math.min(usualSample, count));
  const [rate, setRate] = useState<number>();
  const [problem, setProblem] = useState<Problem>();
  const which = { ...said(filter), ...(group === undefined ? {} : { group: group.id }) };
  const limit = isSample ? size : undefined;
  const { counted, problem: uncounted } = useCount({
    ...which,
    ...(limit === undefined ? { all: true } : { sample: limit }),
  });
  const isMany = !isSample && (counted ?? 0) > 1;
  const start = async () => {
    try {
      const body = {
        verb: { verb: 'redrive' },
        filter: { state: 'failed', ...which, ...(limit === undefined ? {} : { limit }) },
        ...(rate === undefined ? {} : { perSecond: rate }),
      };
      follow(await ask<BulkRecord>('/v1/bulk', { method: 'POST', body }));
      onStarted();
      onClose();
    } catch (cause) {
      if (!(cause instanceof Problem)) throw cause;
      setProblem(cause);
    }
  };
  return (
    <Confirm
      title="Have failed jobs run again"
      verb={`Redrive ${counted === 1 ? 'one job' : `${(counted ?? 0).toLocaleString('en')} jobs`}`}
      command={commandLine(['dead', 'redrive', group?.id], {
        ...said(filter),
        all: limit === undefined && Object.keys(which).length === 0,
        sample: limit,
        rate,
      })}
      typed={isMany ? String(counted) : undefined}
      isDangerous={false}
      hindrance={hindranceOf(counted)}
      onYes={() => void start()}
      onNo={onClose}
    >
      {group !== undefined && <p class="message">{group.message}</p>}
      <fieldset class="choices">
        <legend class="hidden">How many</legend>
        <label>
          <input type="radio" name="many" checked={isSample} onChange={() => setSample(true)} /> A sample, to see
          whether it helps
        </label>
        <label>
          <input type="radio" name="many" checked={!isSample} onChange={() => setSample(false)} /> All of them
        </label>
      </fieldset>
      <div class="fields">
        {isSample && <Count label="The newest" value={size} onChange={(value) => setSize(value ?? 1)} />}
        <Count label="At most a second" value={rate} hint="no limit" onChange={setRate} />
      </div>
      <p aria-live="polite">
        {counted !== undefined && <Counted jobs={counted} rate={rate} />} Each starts anew, with all of its attempts.
      </p>
      <Trouble problem={problem ?? uncounted} />
    </Confirm>
  );
}

function hindranceOf(counted: number | undefined): string | undefined {
  if (counted === undefined) return 'Counting them …';
  return counted === 0 ? 'There is no such job any more.' : undefined;
}

function said(filter: DeadFilter): Record<string, string> {
  return Object.fromEntries(Object.entries(filter).flatMap(([name, value]) => (value ? [[name, value]] : [])));
}

function Counted({ jobs, rate }: { jobs: number; rate: number | undefined }) {
  const lasts = rate === undefined || jobs / rate < 2 ? '' : `, over about ${Math.ceil(jobs / rate)} s`;
  return (
    <>
      <strong>{jobs.toLocaleString('en')}</strong> {jobs === 1 ? 'job runs' : 'jobs run'} again{lasts}.
    </>
  );
}

interface CountProps {
  label: string;
  value: number | undefined;
  hint?: string;
  onChange(value: number | undefined): void;
}

function Count({ label, value, hint, onChange }: CountProps) {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="number"
        min={1}
        step={1}
        value={value ?? ''}
        placeholder={hint ?? ''}
        onInput={({ currentTarget: { valueAsNumber: typed } }) => onChange(typed >= 1 ? Math.floor(typed) : undefined)}
      />
    </label>
  );
}

/** How many jobs it would be, asked of the master without doing anything. */
function useCount(which: object): { counted: number | undefined; problem: Problem | undefined } {
  const [state, setState] = useState<{ counted: number | undefined; problem: Problem | undefined }>({
    counted: undefined,
    problem: undefined,
  });
  const asked = JSON.stringify({ ...which, dryRun: true });
  useEffect(() => {
    const left = new AbortController();
    setState({ counted: undefined, problem: undefined });
    ask<{ matched: number }>('/v1/dead/redrive', { method: 'POST', body: JSON.parse(asked), signal: left.signal }).then(
      ({ matched }) => setState({ counted: matched, problem: undefined }),
      (problem: Problem) => left.signal.aborted || setState({ counted: undefined, problem }),
    );
    return () => left.abort();
  }, [asked]);
  return state;
}
