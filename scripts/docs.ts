/**
 * The pages of `docs/` that are made from code: written anew, or with `--check` compared with what lies there.
 *
 * A page that has drifted from its code fails the check by name. What makes a page lives with its noun; this file
 * knows only which there are.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { headersPage } from '../actors/headers-page.ts';
import { faultsPage } from '../runtime/faults.ts';
import { lifecyclePage } from '../runtime/lifecycle-page.ts';
import { optionsPage } from '../runtime/options/page.ts';
import { telemetryPage } from '../runtime/telemetry/page.ts';
import { importsPage } from './imports-page.ts';

const docs = fileURLToPath(new URL('../docs', import.meta.url));

const pages: Readonly<Record<string, () => string>> = {
  'lifecycle.md': lifecyclePage,
  'options.md': optionsPage,
  'telemetry.md': telemetryPage,
  'faults.md': faultsPage,
  'headers.md': headersPage,
  'imports.md': importsPage,
};

function hasDrifted([name, make]: [string, () => string]): boolean {
  try {
    return readFileSync(`${docs}/${name}`, 'utf8') !== make();
  } catch {
    return true;
  }
}

function check(): void {
  const drifted = Object.entries(pages).filter(hasDrifted);
  for (const [name] of drifted) console.error(`docs/${name} is not what the code makes of it. Run \`npm run docs\`.`);
  if (drifted.length > 0) process.exitCode = 1;
}

function write(): void {
  mkdirSync(docs, { recursive: true });
  for (const [name, make] of Object.entries(pages)) writeFileSync(`${docs}/${name}`, make());
}

if (process.argv.includes('--check')) check();
else write();
