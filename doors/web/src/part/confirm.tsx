/**
 * Asks before something is done that can't be undone; what is dangerous has a word typed first. Shows the command that does the same.
 */

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Dialog } from './dialog.tsx';
import { Line } from './line.tsx';

export interface ConfirmProps {
  title: string;
  /** What will happen, in a sentence or more. */
  children: ComponentChildren;
  /** What the button says that does it. */
  verb: string;
  command: string;
  /** What has to be typed first. */
  typed?: string | undefined;
  isDangerous?: boolean;
  /** Why it cannot be done as it stands. */
  hindrance?: string | undefined;
  onYes(): void;
  onNo(): void;
}

export function Confirm(props: ConfirmProps) {
  const { title, children, verb, command, typed, isDangerous = typed !== undefined, hindrance, onYes, onNo } = props;
  const [word, setWord] = useState('');
  const isReady = hindrance === undefined && (typed === undefined || word.trim() === typed);
  const submit = (event: Event) => {
    event.preventDefault();
    if (isReady) onYes();
  };
  return (
    <Dialog title={title} onClose={onNo}>
      <form onSubmit={submit}>
        {children}
        {typed !== undefined && (
          <label class="typed">
            <span>
              Type <strong>{typed}</strong> to go on
            </span>
            <input
              type="text"
              autocomplete="off"
              inputMode={/^\d+$/.test(typed) ? 'numeric' : 'text'}
              spellcheck={false}
              value={word}
              onInput={({ currentTarget }) => setWord(currentTarget.value)}
            />
          </label>
        )}
        {hindrance !== undefined && <p class="bad">{hindrance}</p>}
        <p class="note">The same on the command line:</p>
        <Line line={command} />
        <footer>
          <button type="button" onClick={onNo}>
            Leave it
          </button>
          <button type="submit" class={isDangerous ? 'danger' : 'main'} disabled={!isReady}>
            {verb}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
