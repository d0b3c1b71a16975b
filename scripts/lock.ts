/**
 * Fills the gaps of `package-lock.json`; to be run after every `npm install` that changed it.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { filled, gapsOf, type LockFile, lockFile } from './lock-gap.ts';

const path = new URL('../package-lock.json', import.meta.url);
/** Read as it stands, so that it is written with its fields in the same order. */
const lock: LockFile = JSON.parse(readFileSync(path, 'utf8'));
lockFile.parse(lock);

for (const { name, version } of gapsOf(lock)) console.log(`locked ${name} ${version}`);
writeFileSync(path, `${JSON.stringify(filled(lock), null, 2)}\n`);
