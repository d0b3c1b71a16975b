/**
 * Whose code the pages hold, and under which licence: read off the files that were bundled.
 */

import { readdir, readFile } from 'node:fs/promises';

export interface Notice {
  name: string;
  version: string;
  /** As its package says it: `MIT`. */
  licence: string;
  text: string;
}

/** One for each package that some of these files belong to, by name. */
export async function noticesOf(files: readonly string[]): Promise<readonly Notice[]> {
  const folders = new Set(
    files.flatMap((file) => /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []),
  );
  const notices = await Promise.all([...folders].map(noticeIn));
  return notices.toSorted((one, other) => one.name.localeCompare(other.name));
}

async function noticeIn(folder: string): Promise<Notice> {
  const about: { name: string; version: string; license?: string } = JSON.parse(
    await readFile(`${folder}/package.json`, 'utf8'),
  );
  const file = (await readdir(folder)).find((name) => /^licen[cs]e/i.test(name));
  const text = file === undefined ? '' : await readFile(`${folder}/${file}`, 'utf8');
  return { name: about.name, version: about.version, licence: about.license ?? 'not said', text };
}
