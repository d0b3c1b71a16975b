/**
 * After `npm ci` in a checkout: the pages of the console are built, and the broker that demo and tests use is fetched now, so
 * that they need no network later.
 *
 * Plain JavaScript, because npm may run it in an old Node. It never fails an install: what is missing is said loudly,
 * and the first use tries again.
 */

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const binary = new URL('../nats/binary.ts', import.meta.url);
const isCheckout = existsSync(new URL('../tsconfig.json', import.meta.url));

if (isCheckout && process.features.typescript) {
  buildConsole();
  await fetchBroker();
} else if (isCheckout)
  say(`Node ${process.versions.node} cannot run Yardmaster: the commands of this checkout need Node 22.18 or newer.`);

function buildConsole() {
  const vite = fileURLToPath(new URL('../node_modules/vite/bin/vite.js', import.meta.url));
  if (!existsSync(vite)) return;
  try {
    const config = fileURLToPath(new URL('../doors/web/vite.config.ts', import.meta.url));
    execFileSync(process.execPath, [vite, 'build', '--config', config, '--logLevel', 'warn'], { stdio: 'pipe' });
    say('the pages of the console are built');
  } catch (error) {
    say(
      `The pages of the console could not be built: npm run build:console says why. ${error instanceof Error ? error.message : error}`,
    );
  }
}

async function fetchBroker() {
  try {
    const { findBroker } = await import(binary.href);
    const { path, version } = await findBroker({ say });
    say(`nats-server ${version} is ready: ${path}`);
  } catch (error) {
    say(`No broker could be fetched; the first use will try again. ${error instanceof Error ? error.message : error}`);
  }
}

function say(line) {
  process.stderr.write(`yardmaster: ${line}\n`);
}
