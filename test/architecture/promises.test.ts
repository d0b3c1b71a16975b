/** The pages that promise something name the tests that show it: those tests must be there, under those names. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

/** A test that a page names: its file, and its name, in which `…` stands for anything. */
interface Cited {
  file: string;
  name: string;
}

function cited(page: string): readonly Cited[] {
  const parts = page.replaceAll(/\s+/g, ' ').split(/`(test\/[\w/.-]+\.ts)`/);
  return parts.flatMap((file, at) =>
    at % 2 === 0 ? [] : namesIn(parts[at + 1] ?? '').map((name) => ({ file, name })),
  );
}

/** The names right behind a file, such as `: "one", "another" and so on`; what a sentence quotes later is none. */
function namesIn(text: string): readonly string[] {
  const list = /^: ((?:(?:, |; |, and | and | for [^"]*, )?"[^"]+")+)/.exec(text)?.[1] ?? '';
  return [...list.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name);
}

function isThere({ file, name }: Cited): boolean {
  const path = join(root, file);
  if (!existsSync(path)) return false;
  const source = readFileSync(path, 'utf8').replaceAll(/\s+/g, ' ').replaceAll("\\'", "'");
  return name.split('…').every((part) => source.includes(part.trim()));
}

function pageOf(name: string): string {
  return readFileSync(join(root, 'docs', name), 'utf8');
}

test.each(['guarantees.md', 'operations.md'])('every test that docs/%s names is there', (page) => {
  const missing = cited(pageOf(page)).filter((each) => !isThere(each));
  expect(missing).toEqual([]);
});

test('the guarantees name enough tests, and each of them is found by this one', () => {
  const page = pageOf('guarantees.md');
  const files = new Set([...page.matchAll(/`(test\/[\w/.-]+\.ts)`/g)].map(([, file = '']) => file));
  expect([...files].filter((file) => !existsSync(join(root, file)))).toEqual([]);
  expect(cited(page).length).toBeGreaterThan(90);
});

test('a name that no test has is found', () => {
  const [first] = cited('`test/architecture/promises.test.ts`: "a promise that nobody keeps"');
  expect(first).toBeDefined();
  expect(first !== undefined && isThere({ ...first, file: 'test/architecture/imports.test.ts' })).toBe(false);
});
