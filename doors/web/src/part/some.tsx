/**
 * Some of a list that may be long: those that words in the address find, and of these so many at a time.
 *
 * Where all fit at once there is nothing to find, and none of this is seen.
 */

import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { pathWith } from '../ask.ts';

const usualAtOnce = 60;

export interface Some<Item> {
  shown: readonly Item[];
  /** How many the words find, and how many there are. */
  found: number;
  all: number;
  words: string;
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
  return {
    ...{ shown: found.slice(0, most), found: found.length, all: items.length, words },
    find: (words) => route(pathWith(path, { ...query, q: words.trim() }), true),
    more: () => setMost((now) => now + atOnce),
  };
}

export interface FinderProps {
  some: Some<unknown>;
  /** What is found by, such as `name or type`. */
  by: string;
}

export function Finder({ some: { shown, found, all, words, find }, by }: FinderProps) {
  if (words === '' && shown.length === all) return null;
  return (
    <search>
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          find(String(new FormData(event.currentTarget).get('q') ?? ''));
        }}
      >
        <input
          type="search"
          name="q"
          key={words}
          defaultValue={words}
          placeholder={`Search: ${by}  ( / )`}
          aria-label="Search"
        />
        <span class="dim" role="status">
          {shown.length.toLocaleString('en')} of {found.toLocaleString('en')}
          {found === all ? '' : ` found, ${all.toLocaleString('en')} in all`}
        </span>
      </form>
    </search>
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
