/**
 * A payload as JSON that is written by hand: what is wrong with it is said while it is typed, and what its type does not take
 * once it was refused.
 */

import { Field } from './field.tsx';

export interface PayloadProps {
  text: string;
  wrong: readonly string[];
  onChange(text: string): void;
}

export function Payload({ text, wrong, onChange }: PayloadProps) {
  const { mistake } = payloadIn(text);
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
