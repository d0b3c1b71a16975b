/**
 * How the pages are built: one folder of files that every master serves under `/console/`, with the charts drawn in advance.
 */

import { createHash } from 'node:crypto';
import ELK from 'elkjs/lib/elk.bundled.js';
import { defineConfig, type Plugin } from 'vite';
import { jobMachine } from '../../machines/job.ts';
import { scheduleMachine } from '../../machines/schedule.ts';
import { workerMachine } from '../../machines/worker.ts';
import { type Direction, layout } from './drawing/layout.ts';
import { type Machine, planOf } from './drawing/wire.ts';
import { jobWords } from './drawing/words.ts';

const machines: Readonly<Record<string, Machine>> = {
  job: jobMachine,
  worker: workerMachine,
  schedule: scheduleMachine,
};

export default defineConfig({
  root: import.meta.dirname,
  base: '/console/',
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  plugins: [made('charts', drawings), made('job', async () => jobWords())],
});

/** A module `virtual:NAME` that exports, as `NAME`, what is made once when the pages are built. */
function made(name: string, make: () => Promise<unknown>): Plugin {
  const id = `virtual:${name}`;
  return {
    name: id,
    resolveId: (asked) => (asked === id ? `\0${id}` : undefined),
    load: async (asked) =>
      asked === `\0${id}` ? `export const ${name} = ${JSON.stringify(await make())};` : undefined,
  };
}

async function drawings() {
  const elk = new ELK();
  const all = Object.entries(machines).map(async ([of, machine]) => {
    const hash = createHash('sha256')
      .update(JSON.stringify(planOf(machine)))
      .digest('hex')
      .slice(0, 12);
    const drawn = async (direction: Direction) => ({
      outline: await layout(machine, { direction, detail: 'outline' }, elk),
      words: await layout(machine, { direction, detail: 'words' }, elk),
    });
    return [of, { hash, right: await drawn('right'), down: await drawn('down') }] as const;
  });
  return Object.fromEntries(await Promise.all(all));
}
