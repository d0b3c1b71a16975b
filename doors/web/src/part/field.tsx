/**
 * A field of a form, with what it expects and what was wrong with it, so that both are heard where it is filled.
 */

import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import type { WrongField } from '../ask.ts';

/** For the control of the field. */
export interface Described {
  id: string;
  'aria-describedby': string;
  'aria-invalid'?: true;
}

export interface FieldProps {
  name: string;
  hint?: string | undefined;
  wrong?: readonly string[];
  control(described: Described): ComponentChildren;
}

export function Field({ name, hint, wrong = [], control }: FieldProps) {
  const id = useId();
  const about = `${id}-about`;
  return (
    <div class="field">
      <label for={id}>{name}</label>
      {control({ id, 'aria-describedby': about, ...(wrong.length > 0 ? { 'aria-invalid': true } : {}) })}
      <div id={about}>
        {wrong.map((sentence) => (
          <p key={sentence} class="bad" role="alert">
            {sentence}
          </p>
        ))}
        {wrong.length === 0 && hint !== undefined && <small>{hint}</small>}
      </div>
    </div>
  );
}

/** What was said of one field, or of what is within it. */
export function wrongAt(errors: readonly WrongField[], path: string): readonly string[] {
  return errors.flatMap(({ path: at, message }) => {
    if (at === path) return [message];
    return at.startsWith(`${path}/`) ? [`${at.slice(path.length + 1)}: ${message}`] : [];
  });
}
