/** Time, chance, state and casts stay where they belong; each rule is seen finding what was planted. */

import { resolve } from 'node:path';
import ts from 'typescript';
import { beforeAll, expect, test } from 'vitest';
import { type Finding, findings } from './findings.ts';

const root = resolve(import.meta.dirname, '../..');
const planted = `${root}/actors/planted.ts`;

/** Lines that must be found, with their rule. */
const wrong: readonly (readonly [Finding['rule'], string])[] = [
  ['clock', 'export const a1 = Date.now();'],
  ['clock', 'export const a2 = new Date();'],
  ['clock', 'export const a3 = Date();'],
  ['clock', 'setTimeout(() => {}, 1);'],
  ['clock', 'globalThis.setInterval(() => {}, 1);'],
  ['clock', 'export const a6 = setImmediate;'],
  ['clock', 'export const a7 = Math.random();'],
  ['clock', 'export const a8 = globalThis.performance.now();'],
  ['clock', 'export const a9 = AbortSignal.timeout(5);'],
  ['clock', 'export const a10 = crypto.randomUUID();'],
  ['clock', "import { setTimeout as later } from 'node:timers/promises';"],
  ['clock', "export const a12 = import('node:timers');"],
  ['state', "export function b1(job: JobRecord) { job.state = 'failed'; }"],
  ['state', "export function b2(job: JobRecord) { job['state'] = 'failed'; }"],
  ['state', "export const b3 = (job: JobRecord) => ({ ...job, state: 'failed' });"],
  ['state', "export const b4 = (job: JobRecord): JobRecord => ({ ...job, ...{}, state: 'failed' });"],
  ['state', "export const b5 = (job: JobRecord) => Object.assign(job, { state: 'failed' });"],
  ['state', "export const b6: Partial<JobRecord> = { state: 'failed' };"],
  ['state', "export const b7 = (stored: { record: JobRecord }) => { stored.record.state ??= 'failed'; };"],
  ['cast', "export const c1 = 'x' as unknown;"],
];

/** Lines that look like the wrong ones and are none. */
const right: readonly string[] = [
  '// Date.now() and setTimeout(f, 1) in a comment',
  "export const d1 = 'Date.now() setTimeout Math.random';",
  'export type D2 = typeof setTimeout;',
  'export const d3 = (at: number) => new Date(at).toISOString();',
  'export const d4 = { setTimeout: 1 };',
  'export const d5 = d4.setTimeout;',
  'export const d6 = (clock: { random(): number }) => clock.random();',
  "export const d7 = (head: { state: string }) => { head.state = 'failed'; };",
  "export const d8 = { state: 'failed' };",
  "export const d9 = ['a', 'b'] as const;",
  'export const d10 = (job: JobRecord) => ({ ...job, name: job.state });',
];

const header = ["import type { JobRecord } from '../runtime/record.ts';"];
const lines = [...header, ...wrong.map(([, line]) => line), ...right];

let found: readonly Finding[];

/** The whole project with one more file, which exists only here. */
function plantedProgram(): ts.Program {
  const file = ts.readConfigFile(`${root}/tsconfig.json`, ts.sys.readFile);
  const config = ts.parseJsonConfigFileContent(file.config, ts.sys, root);
  const host = ts.createCompilerHost(config.options);
  const { readFile, fileExists } = host;
  host.readFile = (name) => (name === planted ? lines.join('\n') : readFile(name));
  host.fileExists = (name) => name === planted || fileExists(name);
  return ts.createProgram([...config.fileNames, planted], config.options, host);
}

beforeAll(() => {
  found = findings(plantedProgram(), root);
});

function rulesAt(line: number): string[] {
  return found.filter(({ at }) => at === `actors/planted.ts:${line}`).map(({ rule }) => rule);
}

test.each(wrong)('%s: it finds %s', (rule, line) => {
  expect(rulesAt(lines.indexOf(line) + 1)).toContain(rule);
});

test.each(right)('it lets pass %s', (line) => {
  expect(rulesAt(lines.indexOf(line) + 1)).toEqual([]);
});

function elsewhere(rule: Finding['rule']): string[] {
  return found
    .filter((one) => one.rule === rule && !one.at.startsWith('actors/planted.ts'))
    .map((one) => `${one.at} ${one.text}`);
}

test('only the clock asks the machine for time and chance', () => {
  expect(elsewhere('clock')).toEqual([]);
});

test('only the step sets the state of a record', () => {
  expect(elsewhere('state')).toEqual([]);
});

test('only the two borders cast', () => {
  expect(elsewhere('cast')).toEqual([]);
});
