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
    const dialog = place.current;
    const opener = document.activeElement;
    dialog?.showModal();
    dialog?.querySelector<HTMLElement>('input, select, textarea')?.focus();
    // One that is taken away and not closed gives the focus back to nobody.
    return () => window.setTimeout(() => comeBack(opener));
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

/** To whoever opened it, where the focus is lost; where that is gone too, to the page. */
function comeBack(opener: Element | null): void {
  if (document.activeElement !== document.body) return;
  if (opener instanceof HTMLElement) opener.focus({ preventScroll: true });
  if (document.activeElement === document.body) document.querySelector('main')?.focus({ preventScroll: true });
}
