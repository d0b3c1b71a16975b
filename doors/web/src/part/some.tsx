/**
 * Some of a list that may be long: those that words in the address find, and of these so many at a time.
 *
 * Where all fit at once there is nothing to find, and none of this is seen.
 */

import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { pathWith } from '../ask.ts';
import { Search } from './search.tsx';

const usualAtOnce = 60;

export interface Some<Item> {
  shown: readonly Item[];
  /** How many the words find, and how many there are. */
  found: number;
  all: number;
  words: string;
  /** Nothing is searched for, and all are shown. */
  isWhole: boolean;
  find(words: string): void;
  more(): void;
}

/** @param wordsOf what an item is found by. */
export function useSome<Item>(
  items: readonly Item[],
  wordsOf: (item: Item) => string,
  atOnce: number = usualAtOnce,
): Some<Item> {
  const { path, query, route } = useLocation();
  const [most, setMost] = useState(atOnce);
  const { q: words = '' } = query;
  const wanted = words.toLowerCase().split(/\s+/);
  const found =
    words === ''
      ? items
      : items.filter((item) => {
          const text = wordsOf(item).toLowerCase();
          return wanted.every((word) => text.includes(word));
        });
  const shown = found.slice(0, most);
  return {
    ...{ shown, found: found.length, all: items.length, words },
    isWhole: words === '' && shown.length === items.length,
    find: (words) => route(pathWith(path, { ...query, q: words.trim() }), true),
    more: () => setMost((now) => now + atOnce),
  };
}

export interface FinderProps {
  some: Some<unknown>;
  /** What is found by, such as `name or type`. */
  by: string;
}

export function Finder({ some, by }: FinderProps) {
  const { shown, found, all, words, isWhole, find } = some;
  if (isWhole) return null;
  return (
    <Search words={words} by={by} onSearch={find}>
      <span class="dim" role="status">
        {shown.length.toLocaleString('en')} of {found.toLocaleString('en')}
        {found === all ? '' : ` found, ${all.toLocaleString('en')} in all`}
      </span>
    </Search>
  );
}

export function More({ some: { shown, found, more } }: Pick<FinderProps, 'some'>) {
  const left = found - shown.length;
  if (left === 0) return null;
  return (
    <footer class="pages">
      <button type="button" onClick={more}>
        Show more
      </button>
      <span class="dim">{left.toLocaleString('en')} more</span>
    </footer>
  );
}
