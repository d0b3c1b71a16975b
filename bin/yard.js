#!/usr/bin/env node
/**
 * The way into the command `yard`, in plain JavaScript that an old Node can read too.
 *
 * Finds a Node that is new enough, then the command itself: its TypeScript in a checkout, what was built of it in an
 * installed package. A second process that it had to start dies with this one.
 */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const marker = 'YARD_STARTED_BY_OLDER_NODE';
const root = fileURLToPath(new URL('..', import.meta.url));
const argv = process.argv.slice(2);
const main = findMain();
// The source declares with `using`, which Node reads from 24 on; what is built of it does without.
const oldestNode = main?.endsWith('.ts') ? [24, 0] : [22, 18];

process.exitCode = isNewEnough(process.versions.node) ? await start() : await startAgain();

function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
}

async function start() {
  if (process.env[marker] !== undefined) dieWithParent();
  if (main === undefined)
    return refuse(`Expected the built command in ${join(root, 'dist')}, found none. Run \`npm run build\`.`);
  // Half of the time of a short command went into reading its own code; Node keeps what it made of it.
  module.enableCompileCache?.();
  const { run } = await import(pathToFileURL(main).href);
  return run(argv);
}

/** A checkout runs from its source; Node strips no types inside of node_modules. */
function findMain() {
  const source = join(root, 'doors', 'cli', 'main.ts');
  const built = join(root, 'dist', 'doors', 'cli', 'main.js');
  const isInstalled = /[\\/]node_modules[\\/]/.test(root);
  return [isInstalled ? built : source, built].find((path) => existsSync(path));
}

/** Runs this file again in the Node that `npm ci` puts into a checkout. */
function startAgain() {
  const node = join(root, 'node_modules', '.bin', 'node');
  const isSecondTry = process.env[marker] !== undefined;
  if (isSecondTry || !existsSync(node))
    return refuse(
      `Expected Node ${oldestNode.join('.')} or newer, got ${process.versions.node}. Install Node 24, or in a checkout run \`npm ci\`, which brings one.`,
    );
  const child = spawn(node, [fileURLToPath(import.meta.url), ...argv], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [marker]: String(process.pid) },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}

/** The channel closes when the parent ends, however it ends. */
function dieWithParent() {
  delete process.env[marker];
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref();
}

function refuse(sentence) {
  process.stderr.write(`${sentence}\n`);
  return 2;
}
