/** Names and openings of source files. */

import { globSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const rooms = 'machines,runtime,actors,nats,view,handlers,cluster,sdk,doors,grafana';
const faceless = /^(?:utils?|helpers?|common|misc|shared|types|manager|base|index)\.tsx?$/;
const face = 'sdk/index.ts';
const sources = globSync(`{${rooms}}/**/*.{ts,tsx}`, { cwd: root }).filter((path) => !path.includes('node_modules'));

test('a function lives with its noun: no file is a drawer', () => {
  expect(sources).toContain('runtime/step.ts');
  expect(sources.filter((path) => faceless.test(basename(path)) && path !== face)).toEqual([]);
});

test('every file opens with what it knows', () => {
  const silent = sources.filter((path) => !/^(?:#!.*\n)?\/\*\*\n/.test(readFileSync(resolve(root, path), 'utf8')));
  expect(silent).toEqual([]);
});
