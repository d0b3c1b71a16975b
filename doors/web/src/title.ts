/**
 * What the tab of the browser says: the page by its address, until the page knows a better name.
 */

import { useEffect, useLayoutEffect } from 'preact/hooks';
import { base, places } from './place.ts';

/** By the address, before what the page itself says. */
export function useTitleOf(path: string): void {
  useLayoutEffect(() => {
    document.title = titled(nameOf(path));
  }, [path]);
}

/** `about` says what else it is about: where that changes, the title is set anew. */
export function useTitle(name: string | undefined, about?: string): void {
  useEffect(() => {
    if (name !== undefined) document.title = titled(name);
  }, [name, about]);
}

function titled(name: string): string {
  return `${name} · Yardmaster`;
}

/** The name of a place, or what stands in the address below it. */
function nameOf(path: string): string {
  const within = path.slice(base.length) || '/';
  const exact = places.find((place) => place.path === within);
  if (exact !== undefined) return exact.name;
  const holder = places.find((place) => place.path !== '/' && within.startsWith(`${place.path}/`));
  return holder === undefined ? 'No such page' : decodeURIComponent(within.slice(holder.path.length + 1));
}
