/**
 * Submits a job: its type, its payload, what is said of it; the same as lines for the shell. What is refused is said at the field.
 */

import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { ask, Problem } from '../ask.ts';
import { useAsked } from '../asked.ts';
import { linesOf } from '../option-lines.ts';
import { Field, wrongAt } from '../part/field.tsx';
import { Line } from '../part/line.tsx';
import { JobOptions, type Options } from '../part/options.tsx';
import { Payload, payloadIn } from '../part/payload.tsx';
import { Trouble } from '../part/trouble.tsx';
import type { TypesAnswer } from './answer.ts';
import { presets } from './preset.ts';

interface Submitted {
  id: string;
  created: boolean;
}

export function Submit() {
  const { query } = useLocation();
  const [type, setType] = useState(query['type'] ?? '');
  const [text, setText] = useState(() => pretty(query['payload']));
  const [options, setOptions] = useState<Options>(() => optionsIn(query['options']));
  const [problem, setProblem] = useState<Problem>();
  const [made, setMade] = useState<readonly Submitted[]>([]);
  const { answer } = useAsked<TypesAnswer>('/v1/types', 10_000);
  const { payload, mistake } = payloadIn(text);
  const errors = problem?.errors ?? [];
  const isReady = type !== '' && mistake === undefined;
  const take = (name: string) => {
    const preset = presets.find((one) => one.name === name);
    if (preset === undefined) return;
    setType(preset.type);
    setText(JSON.stringify(preset.payload, null, 2));
    setOptions(preset.options ?? {});
    setProblem(undefined);
  };
  const submit = async () => {
    if (!isReady) return;
    try {
      const job = await ask<Submitted>('/v1/jobs', { method: 'POST', body: { ...options, type, payload } });
      setMade((before) => [job, ...before].slice(0, 5));
      setProblem(undefined);
    } catch (cause) {
      if (!(cause instanceof Problem)) throw cause;
      setProblem(cause);
    }
  };
  return (
    <>
      <h1>Submit a job</h1>
      <form
        class="sheet"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
        onKeyDown={({ key, ctrlKey, metaKey }) => key === 'Enter' && (ctrlKey || metaKey) && void submit()}
      >
        <div class="fields">
          <Field
            name="begin with"
            control={(described) => (
              <select {...described} onChange={({ currentTarget }) => take(currentTarget.value)}>
                <option value="">nothing</option>
                {presets.map(({ name }) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            )}
          />
          <Type type={type} types={answer?.types} wrong={wrongAt(errors, '/type')} onChange={setType} />
        </div>
        <Payload type={type} text={text} wrong={wrongAt(errors, '/payload')} onChange={setText} />
        <JobOptions options={options} errors={errors} onChange={setOptions} />
        {errors.length === 0 && <Trouble problem={problem} />}
        <footer>
          <button type="submit" class="main" disabled={!isReady} title="Ctrl Enter">
            Submit
          </button>
          <Made jobs={made} />
        </footer>
      </form>
      {isReady && (
        <section aria-label="The same by other ways">
          <h2>The same by other ways</h2>
          <div class="lines">
            {linesOf({ type, payload, options }).map(({ name, line }) => (
              <Line key={name} name={`line for ${name}`} line={line} />
            ))}
          </div>
        </section>
      )}
    </>
  );
}

/** A payload of an address, to be read. */
function pretty(said = '{}'): string {
  const { payload, mistake } = payloadIn(said);
  return mistake === undefined ? JSON.stringify(payload, null, 2) : said;
}

/** What an address says of the job; nothing of what is not as expected. */
function optionsIn(said = '{}'): Options {
  const { payload: given } = payloadIn(said);
  const all = typeof given === 'object' && given !== null ? Object.entries(given) : [];
  return Object.fromEntries(all.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])));
}

interface TypeProps {
  type: string;
  /** Those that workers have made known; undefined until that is known. */
  types: TypesAnswer['types'] | undefined;
  wrong: readonly string[];
  onChange(type: string): void;
}

/** A type that some worker serves, or another one. */
function Type({ type, types, wrong, onChange }: TypeProps) {
  const served = (types ?? []).filter(({ workers = 0 }) => workers > 0).map((one) => one.type);
  const isServed = type === '' || types === undefined || served.includes(type);
  return (
    <Field
      name="type"
      wrong={wrong}
      hint={isServed ? 'Workers serve these now.' : 'No worker serves it now: it would wait for one.'}
      control={(described) => (
        <>
          <input
            {...described}
            type="text"
            required
            list="types"
            value={type}
            placeholder="transcode"
            onInput={({ currentTarget }) => onChange(currentTarget.value.trim())}
          />
          <datalist id="types">
            {(types ?? []).map(({ type: one }) => (
              <option key={one} value={one} />
            ))}
          </datalist>
          {/* biome-ignore lint/a11y/useSemanticElements: a fieldset within a field would be heard as another one. */}
          <div class="chips" role="group" aria-label="Served now">
            {served.map((one) => (
              <button key={one} type="button" aria-pressed={one === type} onClick={() => onChange(one)}>
                {one}
              </button>
            ))}
          </div>
        </>
      )}
    />
  );
}

function Made({ jobs }: { jobs: readonly Submitted[] }) {
  return (
    <ul class="made" role="status" aria-label="What was submitted">
      {jobs.map(({ id, created }) => (
        <li key={id}>
          {created ? 'Submitted' : 'It was there already'}: <a href={`/console/jobs/${id}`}>{id}</a>
        </li>
      ))}
    </ul>
  );
}
