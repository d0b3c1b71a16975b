/**
 * A word about what was done, that goes by itself; screen readers say it.
 */

import { signal } from '@preact/signals';

const shownForMs = 5_000;

const said = signal<readonly { n: number; text: string }[]>([]);
let count = 0;

export function toast(text: string): void {
  const n = ++count;
  said.value = [...said.value.slice(-2), { n, text }];
  window.setTimeout(() => {
    said.value = said.value.filter((one) => one.n !== n);
  }, shownForMs);
}

/** A browser gives no clipboard to a page that came over plain HTTP from another machine. */
export async function copy(text: string): Promise<void> {
  if (!window.isSecureContext)
    return toast('This browser copies only where the page came by HTTPS. Mark the line and copy it.');
  await navigator.clipboard.writeText(text);
  toast('Copied.');
}

export function Toasts() {
  return (
    <div class="toasts" role="status">
      {said.value.map(({ n, text }) => (
        <p key={n}>{text}</p>
      ))}
    </div>
  );
}
