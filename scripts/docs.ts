/**
 * The pages of `docs/` and the files of `grafana/` that are made from code: written anew, or with `--check` compared with what lies there.
 *
 * A page that has drifted from its code fails the check by name. What makes a page lives with its noun; this file
 * knows only which there are.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { headersPage } from '../actors/headers-page.ts';
import { commandTree } from '../doors/cli/main.ts';
import { cliPage } from '../doors/cli/page.ts';
import { processTerminal } from '../doors/cli/terminal.ts';
import { rulesFile, rulesTestFile } from '../grafana/alerts.ts';
import { build } from '../grafana/build.ts';
import { dashboards } from '../grafana/dashboards.ts';
import { observabilityPage } from '../grafana/page.ts';
import { faultsPage } from '../runtime/faults.ts';
import { lifecyclePage } from '../runtime/lifecycle-page.ts';
import { optionsPage } from '../runtime/options/page.ts';
import { telemetryPage } from '../runtime/telemetry/page.ts';
import { importsPage } from './imports-page.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const pages: Readonly<Record<string, () => string>> = {
  'docs/lifecycle.md': lifecyclePage,
  'docs/options.md': optionsPage,
  'docs/telemetry.md': telemetryPage,
  'docs/faults.md': faultsPage,
  'docs/headers.md': headersPage,
  'docs/imports.md': importsPage,
  'docs/cli.md': () => cliPage(commandTree(processTerminal(), () => {}).program),
  'docs/observability.md': observabilityPage,
  'grafana/alerts/yardmaster.yml': rulesFile,
  'grafana/alerts/yardmaster.test.yml': rulesTestFile,
  ...Object.fromEntries(
    dashboards.map((one) => [`grafana/dashboards/${one.uid}.json`, () => `${JSON.stringify(build(one), null, 2)}\n`]),
  ),
};

function hasDrifted([name, make]: [string, () => string]): boolean {
  try {
    return readFileSync(`${root}/${name}`, 'utf8') !== make();
  } catch {
    return true;
  }
}

function check(): void {
  const drifted = Object.entries(pages).filter(hasDrifted);
  for (const [name] of drifted) console.error(`${name} is not what the code makes of it. Run \`npm run docs\`.`);
  if (drifted.length > 0) process.exitCode = 1;
}

function write(): void {
  for (const [name, make] of Object.entries(pages)) {
    mkdirSync(dirname(`${root}/${name}`), { recursive: true });
    writeFileSync(`${root}/${name}`, make());
  }
}

if (process.argv.includes('--check')) check();
else write();
