/**
 * All that may be said of a job beside its payload, as the API describes it (`/openapi.json`): what is said often, what it needs
 * of a worker, and the rest.
 */

import type { WrongField } from '../ask.ts';
import { useAsked } from '../asked.ts';
import type { QueuesAnswer } from '../page/answer.ts';
import { type Described, Field, wrongAt } from './field.tsx';

export type Options = Readonly<Record<string, string>>;

interface OpenApi {
  components: {
    schemas: { Submission: { properties: Readonly<Record<string, { description?: string; example?: string }>> } };
  };
}

const often = ['name', 'queue', 'priority', 'delay', 'maxAttempts', 'timeout'];
const needs = ['gpu', 'vram', 'gpuVendor', 'encoder', 'slots', 'memory', 'disk', 'labels', 'version'];
/** Said elsewhere, or by programs alone. */
const unasked = ['type', 'payload', 'traceparent', 'tracestate'];
const ofOne = ['id', 'idempotencyKey', 'runAt', 'expiresAt', 'after', 'afterNeed', 'afterWhen'];
const choices: Readonly<Record<string, readonly string[]>> = {
  priority: ['critical', 'high', 'medium', 'low'],
  hold: ['true', 'false'],
  unique: ['type', 'type+payload'],
  uniqueWhile: ['waiting', 'open', 'kept'],
  uniqueConflict: ['reject', 'replace', 'coalesce'],
  afterNeed: ['all', 'any'],
  afterWhen: ['success', 'failure', 'end'],
  gpuVendor: ['nvidia', 'amd', 'intel'],
};
const neverAgainMs = 3_600_000;

export interface JobOptionsProps {
  options: Options;
  errors: readonly WrongField[];
  /** Of more than one job: what only one can be told is not asked for. */
  forMany?: boolean;
  onChange(options: Options): void;
}

export function JobOptions({ options, errors, forMany = false, onChange }: JobOptionsProps) {
  const { answer } = useAsked<OpenApi>('/openapi.json', neverAgainMs);
  const queues = useAsked<QueuesAnswer>('/v1/queues', 30_000);
  const described = answer?.components.schemas.Submission.properties ?? {};
  const rest = Object.keys(described).filter(
    (name) => ![...often, ...needs, ...unasked, ...(forMany ? ofOne : [])].includes(name),
  );
  const group = (names: readonly string[]) => (
    <div class="fields">
      {names.map((name) => (
        <Field
          key={name}
          name={wordsOf(name)}
          hint={described[name]?.description}
          wrong={wrongAt(errors, `/${name}`)}
          control={(about) => (
            <Choice
              {...{ name, about }}
              value={options[name] ?? ''}
              example={described[name]?.example}
              onChange={(value) => onChange(changed(options, name, value))}
            />
          )}
        />
      ))}
    </div>
  );
  const isSaid = (names: readonly string[]) => names.some((name) => options[name] !== undefined);
  return (
    <>
      <datalist id="queues">
        {(queues.answer?.queues ?? []).map(({ queue }) => (
          <option key={queue} value={queue} />
        ))}
      </datalist>
      {group(often)}
      <details open={isSaid(needs)}>
        <summary>What it needs of a worker</summary>
        {group(needs)}
      </details>
      <details open={isSaid(rest)}>
        <summary>More</summary>
        {group(rest)}
      </details>
    </>
  );
}

interface ChoiceProps {
  name: string;
  about: Described;
  value: string;
  example: string | undefined;
  onChange(value: string): void;
}

function Choice({ name, about, value, example, onChange }: ChoiceProps) {
  const values = choices[name];
  if (values === undefined)
    return (
      <input
        {...about}
        type="text"
        value={value}
        placeholder={example ?? ''}
        {...(name === 'queue' ? { list: 'queues' } : {})}
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
      />
    );
  return (
    <select {...about} value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
      <option value="">as its type has it</option>
      {values.map((one) => (
        <option key={one} value={one}>
          {one}
        </option>
      ))}
    </select>
  );
}

/** `maxAttempts`, as `max attempts`. */
function wordsOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function changed(options: Options, name: string, value: string): Options {
  const { [name]: _, ...others } = options;
  return value === '' ? others : { ...others, [name]: value };
}
