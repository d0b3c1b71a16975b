/**
 * The examples in `examples/doors`, one a door, run as a reader would run them: by their runner, against a cluster of its own.
 * Each checks its own claim; here is only asked that each was run and held.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { gone, processesWith } from '../cluster/gone.ts';
import { scratch } from '../nats/broker.ts';

const folder = resolve(import.meta.dirname, '../../examples/doors');
const shared = ['all.sh', 'stage.sh', 'upper.ts'];

test('every example of a door does what it says, and leaves nothing running', async () => {
  await using directory = await scratch();
  const env = { ...process.env, TMPDIR: directory.path };
  const runner = spawn('bash', [join(folder, 'all.sh')], { stdio: ['ignore', 'pipe', 'pipe'], env });
  const [out, talk, [code]] = await Promise.all([text(runner.stdout), text(runner.stderr), once(runner, 'close')]);
  const examples = readdirSync(folder).filter((name) => !shared.includes(name));
  expect(out.trim().split('\n').sort(), talk).toEqual(examples.map((name) => `ok: ${name}`).sort());
  expect(code, talk).toBe(0);
  await gone(processesWith(directory.path));
}, 120_000);
