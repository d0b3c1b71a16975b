/**
 * This package, as it lies on the disk: its root is the folder of the nearest `package.json` above this file, in a
 * checkout as in `dist/`; its version is what that file says.
 */

import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

function packageFile(from: URL): URL {
  const here = new URL('package.json', from);
  return existsSync(here) ? here : packageFile(new URL('../', from));
}

const file = packageFile(new URL('./', import.meta.url));
const { version: found }: { version: string } = JSON.parse(readFileSync(file, 'utf8'));

export const packageRoot: string = dirname(fileURLToPath(file));
export const version: string = found;
