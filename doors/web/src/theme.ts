/**
 * Dark or light: as the system has it, until somebody chooses.
 */

import { effect, signal } from '@preact/signals';

const chosen = localStorage.getItem('theme');

export const isDark = signal(chosen === null ? matchMedia('(prefers-color-scheme: dark)').matches : chosen === 'dark');

effect(() => {
  document.documentElement.dataset['theme'] = isDark.value ? 'dark' : 'light';
});

export function toggleTheme(): void {
  isDark.value = !isDark.value;
  localStorage.setItem('theme', isDark.value ? 'dark' : 'light');
}
