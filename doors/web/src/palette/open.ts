/**
 * Which of the two is open over the page: the palette of commands, or the keys.
 */

import { signal } from '@preact/signals';

export const opened = signal<'commands' | 'keys' | undefined>(undefined);

export function openPalette(which: 'commands' | 'keys'): void {
  opened.value = which;
}

export function closePalette(): void {
  opened.value = undefined;
}
