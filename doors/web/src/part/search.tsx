/**
 * The field in which words are typed that a list is searched for, with whatever else filters it.
 */

import type { ComponentChildren } from 'preact';

export interface SearchProps {
  /** What it is searched for now. */
  words: string;
  /** What is searched, such as `id or name`. */
  by: string;
  onSearch(words: string): void;
  children?: ComponentChildren;
}

export function Search({ words, by, onSearch, children }: SearchProps) {
  return (
    <search>
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          onSearch(String(new FormData(event.currentTarget).get('q') ?? ''));
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
        {children}
      </form>
    </search>
  );
}
