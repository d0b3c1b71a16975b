/**
 * A question that stands before the page until it is answered or left: with Escape, with the button, or beside it.
 */

import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

export interface DialogProps {
  title: string;
  onClose(): void;
  children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: DialogProps) {
  const place = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    place.current?.showModal();
    place.current?.querySelector<HTMLElement>('input, select, textarea')?.focus();
  }, []);
  return (
    <dialog ref={place} class="dialog" aria-labelledby={heading} onClose={onClose}>
      <header>
        <h2 id={heading}>{title}</h2>
        <button type="button" class="plain" aria-label="Close" onClick={() => place.current?.close()}>
          ×
        </button>
      </header>
      {children}
    </dialog>
  );
}

/** Where what is meant must be typed, so that nobody does it by a slip. */
export function Typed({ wanted, onTyped }: { wanted: string; onTyped(isRight: boolean): void }) {
  return (
    <label class="field">
      <span>
        Type <strong>{wanted}</strong> to confirm
      </span>
      <input
        type="text"
        autocomplete="off"
        inputMode={/^\d+$/.test(wanted) ? 'numeric' : 'text'}
        onInput={({ currentTarget }) => onTyped(currentTarget.value.trim() === wanted)}
      />
    </label>
  );
}
