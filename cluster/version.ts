/**
 * The version of this package, as its `package.json` says: the nearest one above this file, in a checkout as in `dist/`.
 */

import { existsSync, readFileSync } from 'node:fs';

function packageFile(from: URL): URL {
  const here = new URL('package.json', from);
  return existsSync(here) ? here : packageFile(new URL('../', from));
}

const { version: found }: { version: string } = JSON.parse(readFileSync(packageFile(new URL('./', import.meta.url)), 'utf8'));

export const version: string = found;
