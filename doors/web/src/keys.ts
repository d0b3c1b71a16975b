/**
 * Keys that work everywhere: `g` and a letter goes to a page, `/` to the search, Ctrl+K opens the palette, `?` tells all of them.
 */

import { useEffect, useRef } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { openPalette } from './palette/open.ts';
import { base, places } from './place.ts';

export const shortcuts: readonly (readonly [keys: string, does: string])[] = [
  ['Ctrl K', 'Find a page, a job by its id, or something to do'],
  ['/', 'To the search'],
  ['?', 'These keys'],
  ['Escape', 'Closes what is open'],
  ...places.map(({ key, name }) => [`g ${key}`, `To ${name}`] as const),
];

export function useKeys(): void {
  const { route } = useLocation();
  /** `g` was typed. It outlives a page that comes between it and its letter. */
  const isGoing = useRef(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (isPaletteKey(event)) {
        event.preventDefault();
        return openPalette('commands');
      }
      if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      const place = isGoing.current ? places.find(({ key }) => key === event.key) : undefined;
      isGoing.current = event.key === 'g';
      if (place !== undefined) route(`${base}${place.path}`);
      else if (event.key === '?') openPalette('keys');
      else if (event.key === '/') toSearch(event, () => route(`${base}/jobs`));
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [route]);
}

function isPaletteKey({ ctrlKey, metaKey, key }: KeyboardEvent): boolean {
  return (ctrlKey || metaKey) && key.toLowerCase() === 'k';
}

function toSearch(event: KeyboardEvent, elsewhere: () => void): void {
  event.preventDefault();
  const search = document.querySelector<HTMLInputElement>('input[type=search]');
  if (search === null) elsewhere();
  else search.focus();
}

/** In a field, or in a question over the page. */
function isTyping({ target }: KeyboardEvent): boolean {
  return (
    (target instanceof HTMLInputElement && target.type !== 'checkbox') ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    (target instanceof Element && target.closest('dialog') !== null)
  );
}
