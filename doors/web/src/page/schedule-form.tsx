/**
 * A form for a schedule, new or there: when it fires, with the next moments while one types, and the job that it makes.
 */

import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ScheduleRecord } from '../../../../sdk/index.ts';
import { ask, Problem, type WrongField } from '../ask.ts';
import { moment, relative } from '../moment.ts';
import { type Described, Field, wrongAt } from '../part/field.tsx';
import { Line } from '../part/line.tsx';
import { JobOptions } from '../part/options.tsx';
import { Payload, payloadIn } from '../part/payload.tsx';
import { Trouble } from '../part/trouble.tsx';
import { blank, lineOf, sentOf, type Typed, typedOf, whenOf } from './schedule-given.ts';

export interface ScheduleFormProps {
  /** The one that is edited. */
  record?: ScheduleRecord;
  onSaved(name: string): void;
}

export function ScheduleForm({ record, onSaved }: ScheduleFormProps) {
  const isNew = record === undefined;
  const [before] = useState(isNew ? undefined : typedOf(record));
  const [typed, setTyped] = useState<Typed>(before ?? blank);
  const [problem, setProblem] = useState<Problem>();
  const errors = problem?.errors ?? [];
  const change = (part: Partial<Typed>) => setTyped({ ...typed, ...part });
  const sent = sentOf(typed, before);
  const taken = Object.keys(before?.options ?? {}).filter((name) => typed.options[name] === undefined);
  const isReady = typed.name !== '' && typed.type !== '' && payloadIn(typed.payload).mistake === undefined;
  const save = async (event: Event) => {
    event.preventDefault();
    try {
      const path = `/v1/schedules/${encodeURIComponent(typed.name)}`;
      await ask(path, { method: isNew ? 'PUT' : 'PATCH', body: sent });
      onSaved(typed.name);
    } catch (cause) {
      if (!(cause instanceof Problem)) throw cause;
      setProblem(cause);
    }
  };
  const text = (name: keyof Typed & string, hint: string, placeholder = '', label: string = name) => (
    <Field
      name={label}
      hint={hint}
      wrong={wrongAt(errors, `/${name}`)}
      control={(about) => (
        <input
          {...about}
          type="text"
          autocomplete="off"
          value={String(typed[name])}
          placeholder={placeholder}
          onInput={({ currentTarget }) => change({ [name]: currentTarget.value })}
        />
      )}
    />
  );
  return (
    <form class="sheet" onSubmit={(event) => void save(event)}>
      {isNew && (
        <div class="fields">
          {text('name', 'A letter and up to 39 letters, digits, _ and -.', 'nightly', 'name of the schedule')}
        </div>
      )}
      <When typed={typed} change={change} text={text} />
      <div class="fields">
        <Pick
          name="misfire"
          values={['skip', 'once', 'all']}
          hint="What to do about missed moments."
          {...{ typed, change }}
        />
        {text('window', 'What was missed longer ago is not made up for.')}
        <Pick
          name="overlap"
          values={['allow', 'skip', 'replace']}
          hint="While its last job is open."
          {...{ typed, change }}
        />
        {text('until', 'No end where it is empty; else a moment in ISO 8601.', '2027-12-31T00:00:00Z')}
      </div>
      <div class="fields">{text('type', 'The type of its jobs.', 'transcode')}</div>
      <Payload {...payloadOf(typed, errors)} onChange={(payload) => change({ payload })} />
      <JobOptions
        options={typed.options}
        errors={errors.map(({ path, message }) => ({ path: path.replace(/^\/options/, ''), message }))}
        forMany
        onChange={(options) => change({ options })}
      />
      {taken.length > 0 && (
        <p class="bad" role="alert">
          An option can be changed, not taken back: {taken.join(', ')}. Delete the schedule and add it anew.
        </p>
      )}
      {errors.length === 0 && <Trouble problem={problem} />}
      <Line line={lineOf(typed, sent, isNew)} />
      <footer>
        <button
          type="submit"
          class="main"
          disabled={!isReady || taken.length > 0 || (!isNew && Object.keys(sent).length === 0)}
        >
          {isNew ? 'Add the schedule' : 'Save the changes'}
        </button>
      </footer>
    </form>
  );
}

function payloadOf({ type, payload: text }: Typed, errors: readonly WrongField[]) {
  return { type, text, wrong: wrongAt(errors, '/payload') };
}

interface PickProps {
  name: 'misfire' | 'overlap';
  values: readonly string[];
  hint: string;
  typed: Typed;
  change(part: Partial<Typed>): void;
}

function Pick({ name, values, hint, typed, change }: PickProps) {
  const control = (about: Described) => (
    <select {...about} value={typed[name]} onChange={({ currentTarget }) => change({ [name]: currentTarget.value })}>
      {values.map((one) => (
        <option key={one}>{one}</option>
      ))}
    </select>
  );
  return <Field name={name} hint={hint} control={control} />;
}

interface WhenProps {
  typed: Typed;
  change(part: Partial<Typed>): void;
  text(name: 'cron' | 'tz' | 'every', hint: string, placeholder?: string): ComponentChildren;
}

function When({ typed, change, text }: WhenProps) {
  const { moments, problem } = usePreview(typed);
  return (
    <div class="fields">
      <Field
        name="fires"
        control={(about) => (
          <select
            {...about}
            value={typed.kind}
            onChange={({ currentTarget }) => change({ kind: currentTarget.value === 'every' ? 'every' : 'cron' })}
          >
            <option value="cron">by a cron expression</option>
            <option value="every">at an interval</option>
          </select>
        )}
      />
      {typed.kind === 'cron' ? (
        <>
          {text('cron', 'Minute, hour, day, month, weekday; or six with seconds first.', '30 2 * * *')}
          {text('tz', 'A time zone.', 'Europe/Berlin')}
        </>
      ) : (
        text('every', 'A duration of at least a second.', '30s')
      )}
      <section class="field" aria-label="Next firings" aria-live="polite">
        <span>next firings</span>
        {problem === undefined ? (
          <ol class="firings">
            {moments.map((at) => (
              <li key={at}>
                {moment(at).slice(0, 19)} <span class="dim">{relative(at)}</span>
              </li>
            ))}
          </ol>
        ) : (
          <p class="bad">{problem.message}</p>
        )}
      </section>
    </div>
  );
}

const previewed = 5;

/** When it would fire next, as the master says, soon after somebody stopped typing. */
function usePreview(typed: Typed): { moments: readonly number[]; problem?: Problem } {
  const [state, setState] = useState<{ moments: readonly number[]; problem?: Problem }>({ moments: [] });
  const asked = JSON.stringify({ ...whenOf(typed), count: previewed });
  useEffect(() => {
    const left = new AbortController();
    const timer = window.setTimeout(() => {
      ask<{ moments: readonly number[] }>('/v1/schedules/preview', {
        ...{ method: 'POST', body: JSON.parse(asked), signal: left.signal },
      }).then(
        ({ moments }) => setState({ moments }),
        (problem: Problem) => left.signal.aborted || setState({ moments: [], problem }),
      );
    }, 250);
    return () => {
      window.clearTimeout(timer);
      left.abort();
    };
  }, [asked]);
  return state;
}
