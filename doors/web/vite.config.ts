/**
 * How the pages are built: one folder of files that every master serves under `/console/`, with the charts drawn in advance.
 */

import ELK from 'elkjs/lib/elk.bundled.js';
import { defineConfig, type Plugin } from 'vite';
import { hashOf, machines } from '../../runtime/machines.ts';
import { type Direction, layout } from './drawing/layout.ts';
import { noticesOf } from './drawing/notices.ts';
import { jobWords } from './drawing/words.ts';

const name = 'virtual:charts';
const words = 'virtual:job';

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
  plugins: [charts(), job(), notices()],
});

/** The words of a job, as a module. */
function job(): Plugin {
  return {
    name: words,
    resolveId: (id) => (id === words ? `\0${words}` : undefined),
    load: (id) => (id === `\0${words}` ? `export const job = ${JSON.stringify(jobWords())};` : undefined),
  };
}

/** The charts for the pages, and each as a file beside them: `machines/job-right.svg`. */
function charts(): Plugin {
  let made: ReturnType<typeof drawings> | undefined;
  const drawn = () => {
    made ??= drawings();
    return made;
  };
  return {
    name,
    resolveId: (id) => (id === name ? `\0${name}` : undefined),
    load: async (id) => (id === `\0${name}` ? `export const charts = ${JSON.stringify(await drawn())};` : undefined),
    async generateBundle() {
      // What only reads this file has no JSX.
      const { pictureOf } = await import('./drawing/picture.ts');
      for (const [of, { title, hash, right, down }] of Object.entries(await drawn()))
        for (const [direction, { words }] of Object.entries({ right, down })) {
          const source = await pictureOf(words, { title, hash });
          this.emitFile({ type: 'asset', fileName: `machines/${of}-${direction}.svg`, source });
        }
    },
  };
}

/** What is bundled, as a file beside the pages: `notices.json`. */
function notices(): Plugin {
  return {
    name: 'notices',
    async generateBundle(_, bundle) {
      const files = Object.values(bundle).flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
      this.emitFile({ type: 'asset', fileName: 'notices.json', source: JSON.stringify(await noticesOf(files)) });
    },
  };
}

async function drawings() {
  const elk = new ELK();
  const all = Object.entries(machines).map(async ([of, { title, machine }]) => {
    const both = async (direction: Direction) => ({
      outline: await layout(machine, { direction, detail: 'outline' }, elk),
      words: await layout(machine, { direction, detail: 'words' }, elk),
    });
    return [of, { title, hash: hashOf(machine), right: await both('right'), down: await both('down') }] as const;
  });
  return Object.fromEntries(await Promise.all(all));
}
