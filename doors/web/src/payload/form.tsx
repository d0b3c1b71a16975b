/**
 * A payload as a form: a control for each of its fields. What is not touched is not sent.
 */

import { useState } from 'preact/hooks';
import { type Described, Field } from '../part/field.tsx';
import { type FormField, readField, type Schema, valueAt, withValue, writtenField } from './fields.ts';

export interface FormProps {
  fields: readonly FormField[];
  payload: unknown;
  /** What was refused, each with the name of its field before it: `crf: Expected …`. */
  wrong: readonly string[];
  onChange(payload: Schema): void;
}

export function PayloadForm({ fields, ...props }: FormProps) {
  return (
    <div class="fields payload">
      {fields.map((field) =>
        field.kind.of === 'group' ? (
          <fieldset key={field.path.join('.')} class="group">
            <legend>{field.name}</legend>
            {field.hint !== '' && <small>{field.hint}</small>}
            <PayloadForm {...props} fields={field.kind.fields} />
          </fieldset>
        ) : (
          <OneField key={field.path.join('.')} {...props} field={field} />
        ),
      )}
    </div>
  );
}

function OneField({ field, payload, wrong, onChange }: Omit<FormProps, 'fields'> & { field: FormField }) {
  const { path, name, isRequired, hint, usual, kind } = field;
  const before = `${path.join('.')}: `;
  const range = kind.of === 'number' && kind.least !== undefined && kind.most !== undefined;
  const about = [
    hint,
    range ? `From ${kind.least} to ${kind.most}.` : '',
    usual === undefined ? '' : `Usually ${usual}.`,
    kind.of === 'list' || kind.of === 'numbers' ? 'One a line.' : '',
  ];
  return (
    <Field
      name={isRequired ? `${name} *` : name}
      hint={about.filter((one) => one !== '').join(' ')}
      wrong={wrong.flatMap((one) => (one.startsWith(before) ? [one.slice(before.length)] : []))}
      control={(described) => (
        <Control
          described={described}
          field={field}
          value={valueAt(payload, path)}
          onValue={(value) => onChange(withValue(payload, path, value))}
        />
      )}
    />
  );
}

interface ControlProps {
  described: Described;
  field: FormField;
  value: unknown;
  onValue(value: unknown): void;
}

function Control({ described, field, value, onValue }: ControlProps) {
  const { kind, isRequired, usual = '', examples, path } = field;
  const written = writtenField(kind, value);
  const said = (text: string) => onValue(readField(kind, text));
  if (kind.of === 'json') return <JsonControl described={described} value={value} onValue={onValue} />;
  if (kind.of === 'choice' || kind.of === 'flag')
    return (
      <select {...described} value={written} onChange={({ currentTarget }) => said(currentTarget.value)}>
        <option value="">{usual === '' ? 'not said' : `not said (${usual})`}</option>
        {(kind.of === 'choice' ? kind.values : ['true', 'false']).map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    );
  if (kind.of === 'list' || kind.of === 'numbers')
    return (
      <textarea {...described} rows={3} value={written} onChange={({ currentTarget }) => said(currentTarget.value)} />
    );
  const list = `examples-${path.join('-')}`;
  const bounds = kind.of === 'number' ? { min: kind.least, max: kind.most, step: kind.isWhole ? 1 : 'any' } : {};
  return (
    <>
      <input
        {...described}
        {...bounds}
        type={kind.of === 'number' ? 'number' : 'text'}
        required={isRequired}
        list={list}
        autocomplete="off"
        placeholder={usual || (examples[0] ?? '')}
        value={written}
        onInput={({ currentTarget }) => said(currentTarget.value)}
      />
      <datalist id={list}>
        {examples.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
    </>
  );
}

/** For what has no control of its own: taken over once it is JSON. */
function JsonControl({ described, value, onValue }: Omit<ControlProps, 'field'>) {
  const [text, setText] = useState(writtenField({ of: 'json' }, value));
  const [isOdd, setOdd] = useState(false);
  const said = (next: string) => {
    setText(next);
    try {
      onValue(next.trim() === '' ? undefined : JSON.parse(next));
      setOdd(false);
    } catch {
      setOdd(true);
    }
  };
  return (
    <>
      <textarea
        {...described}
        class="code"
        rows={3}
        spellcheck={false}
        placeholder="JSON"
        value={text}
        onInput={({ currentTarget }) => said(currentTarget.value)}
      />
      {isOdd && <p class="bad">Expected JSON, it is none yet.</p>}
    </>
  );
}
