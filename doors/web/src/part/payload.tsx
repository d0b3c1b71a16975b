/**
 * A payload: as a form where its type tells what it may hold, or as JSON that is written by hand. Both show the same, and the text
 * is what counts. What is wrong with it is said while it is typed, and what its type does not take once it was refused.
 */

import { useState } from 'preact/hooks';
import type { TypeView } from '../../../../sdk/index.ts';
import { useAsked } from '../asked.ts';
import type { TypesAnswer } from '../page/answer.ts';
import { fieldsOf, isSchema } from '../payload/fields.ts';
import { PayloadForm } from '../payload/form.tsx';
import { Field } from './field.tsx';

export interface PayloadProps {
  /** The type of its job. */
  type: string;
  text: string;
  wrong: readonly string[];
  onChange(text: string): void;
}

export function Payload(props: PayloadProps) {
  const { type: named, text, wrong, onChange } = props;
  const { answer } = useAsked<TypesAnswer>('/v1/types', 10_000);
  const type = answer?.types.find((one) => one.type === named);
  const [wantsJson, setWantsJson] = useState(false);
  const { payload, mistake } = payloadIn(text);
  const fields = type?.schema === undefined ? undefined : fieldsOf(type.schema);
  const isForm = fields !== undefined && !wantsJson && mistake === undefined && isSchema(payload);
  const names = (fields ?? []).map(({ name }) => name);
  const elsewhere = wrong.filter(
    (one) => !names.some((name) => one.startsWith(`${name}: `) || one.startsWith(`${name}.`)),
  );
  return (
    <div class="payload-part">
      <fieldset class="pressed">
        <legend class="hidden">How the payload is written</legend>
        <button type="button" aria-pressed={isForm} disabled={fields === undefined} onClick={() => setWantsJson(false)}>
          Form
        </button>
        <button type="button" aria-pressed={!isForm} onClick={() => setWantsJson(true)}>
          JSON
        </button>
        <small>{aboutOf(named, type, isForm)}</small>
      </fieldset>
      {isForm ? (
        <>
          {fields.length === 0 && <p class="note">Its payload has no fields.</p>}
          <PayloadForm
            key={named}
            fields={fields}
            payload={payload}
            wrong={wrong}
            onChange={(next) => onChange(JSON.stringify(next, null, 2))}
          />
          {elsewhere.map((sentence) => (
            <p key={sentence} class="bad" role="alert">
              {sentence}
            </p>
          ))}
        </>
      ) : (
        <ByHand {...props} mistake={mistake} />
      )}
    </div>
  );
}

function aboutOf(named: string, type: TypeView | undefined, isForm: boolean): string {
  if (named === '') return 'Choose a type: it tells what its payload may hold.';
  if (isForm) return type?.description ?? '';
  if (type === undefined) return 'No worker has made this type known: its fields are not known either.';
  return type.schema === undefined ? 'Its worker does not say what it may hold.' : (type.description ?? '');
}

function ByHand({ text, wrong, mistake, onChange }: PayloadProps & { mistake: string | undefined }) {
  return (
    <Field
      name="payload"
      hint="A JSON object; what may stand in it is a matter of the type."
      wrong={mistake === undefined ? wrong : [mistake]}
      control={(described) => (
        <textarea
          {...described}
          class="code"
          rows={Math.min(24, Math.max(6, text.split('\n').length + 1))}
          spellcheck={false}
          autocomplete="off"
          value={text}
          onInput={({ currentTarget }) => onChange(currentTarget.value)}
        />
      )}
    />
  );
}

/** What a text says, or why it says nothing. Nothing at all is an empty object. */
export function payloadIn(text: string): { payload?: unknown; mistake?: string } {
  if (text.trim() === '') return { payload: {} };
  try {
    return { payload: JSON.parse(text) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return { mistake: `Expected JSON, it is none yet: ${why}.` };
  }
}
