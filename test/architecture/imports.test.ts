/**
 * Builds a small house in which every rule of `.dependency-cruiser.cjs` is broken once, beside neighbours that
 * break none, and looks at what is found: a rule that reads no file would also find nothing.
 */

import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

const root = resolve(import.meta.dirname, '../..');
const report = z.object({
  summary: z.object({ violations: z.array(z.object({ from: z.string(), rule: z.object({ name: z.string() }) })) }),
  modules: z.array(z.object({ source: z.string() })),
});

/** Sources by path: each of these breaks the rules named beside it, and no other. */
const breaking: Readonly<Record<string, { text: string; rules: readonly string[] }>> = {
  'machines/reaches.ts': { text: uses('../runtime/step.ts'), rules: ['machines-reaches-only-what-it-may'] },
  'machines/impure.ts': { text: uses('node:path'), rules: ['machines-use-only-xstate'] },
  'machines/untimely.ts': { text: uses('croner'), rules: ['croner-only-in-cron'] },
  'runtime/reaches.ts': { text: usesType('../actors/good.ts'), rules: ['runtime-reaches-only-what-it-may'] },
  'runtime/circle-a.ts': { text: usesType('./circle-b.ts'), rules: ['no-circles'] },
  // A circle is told once, at the first of its files.
  'runtime/circle-b.ts': { text: usesType('./circle-a.ts'), rules: [] },
  'runtime/orphan.ts': { text: 'export const it = 0;', rules: ['no-orphans'] },
  'runtime/unresolved.ts': { text: uses('./absent.ts'), rules: ['no-unresolved'] },
  'runtime/undeclared.ts': { text: uses('brought-by-another'), rules: ['no-undeclared-packages'] },
  'runtime/dev.ts': { text: uses('fast-check'), rules: ['no-dev-packages-in-the-product'] },
  'runtime/way-out.ts': {
    text: uses('../test/good.ts'),
    rules: ['no-way-out', 'runtime-reaches-only-what-it-may'],
  },
  'actors/reaches.ts': { text: usesType('../nats/good.ts'), rules: ['actors-reaches-only-what-it-may'] },
  'actors/packages.ts': { text: uses('zod'), rules: ['actors-use-only-xstate-and-node'] },
  'nats/reaches.ts': { text: uses('../runtime/step.ts'), rules: ['nats-reaches-only-what-it-may'] },
  'view/reaches.ts': { text: uses('../actors/good.ts'), rules: ['view-reaches-only-what-it-may'] },
  'actors/sqlite.ts': { text: uses('node:sqlite'), rules: ['sqlite-only-in-view'] },
  'handlers/reaches.ts': { text: uses('../runtime/record.ts'), rules: ['handlers-reaches-only-what-it-may'] },
  'cluster/reaches.ts': { text: uses('../sdk/good.ts'), rules: ['cluster-reaches-only-what-it-may'] },
  'cluster/broker.ts': { text: uses('@nats-io/nats-core'), rules: ['broker-packages-only-in-nats'] },
  'cluster/transport.ts': { text: uses('nats'), rules: ['broker-packages-only-in-nats'] },
  'sdk/reaches.ts': { text: uses('../doors/http/good.ts'), rules: ['sdk-reaches-only-what-it-may'] },
  'sdk/inner.ts': { text: uses('../runtime/step.ts'), rules: ['sdk-hands-on-no-inner-code'] },
  'doors/http/reaches.ts': { text: usesType('../../actors/good.ts'), rules: ['doors-reaches-only-what-it-may'] },
  'doors/web/src/reaches.ts': { text: usesType('../../../cluster/good.ts'), rules: ['pages-reaches-only-what-it-may'] },
  'doors/web/src/inner.ts': { text: uses('../../../sdk/index.ts'), rules: ['pages-take-only-types-of-the-face'] },
  'doors/web/drawing/reaches.ts': {
    text: uses('../../../runtime/step.ts'),
    rules: ['drawing-reaches-only-what-it-may'],
  },
  'grafana/reaches.ts': { text: uses('../runtime/step.ts'), rules: ['grafana-reaches-only-what-it-may'] },
};

/** Sources that use every freedom the table gives. */
const good: Readonly<Record<string, string>> = {
  'machines/good.ts': uses('xstate'),
  'machines/rules/cron.ts': uses('croner'),
  'runtime/step.ts': uses('../machines/good.ts'),
  'runtime/ports.ts': usesType('../machines/good.ts'),
  'runtime/record.ts': usesType('../machines/good.ts'),
  'runtime/handler.ts': usesType('../machines/good.ts'),
  'runtime/telemetry/catalogue.ts': uses('pino'),
  'actors/good.ts': uses('../runtime/step.ts'),
  'nats/good.ts': `${uses('../runtime/record.ts')}\n${usesType('../runtime/ports.ts', 'P')}\n${uses('nats', 'n')}`,
  'view/good.ts': `${uses('../runtime/record.ts')}\n${uses('node:sqlite', 's')}`,
  'handlers/good.ts': `${uses('../runtime/handler.ts')}\n${uses('../machines/rules/cron.ts', 'c')}`,
  'cluster/good.ts': `${uses('../actors/good.ts')}\n${uses('../nats/good.ts', 'n')}\n${uses('../handlers/good.ts', 'h')}`,
  'sdk/good.ts': `${uses('../cluster/good.ts')}\n${usesType('../runtime/record.ts', 'R')}\n${uses('../runtime/handler.ts', 'h')}`,
  'doors/http/good.ts': `${uses('../../sdk/good.ts')}\n${uses('../../cluster/good.ts', 'c')}`,
  'sdk/index.ts': uses('../cluster/good.ts'),
  'runtime/chart.ts': uses('../machines/good.ts'),
  'doors/web/drawing/good.ts': uses('../../../runtime/chart.ts'),
  'doors/web/src/good.ts': `${usesType('../../../sdk/index.ts')}\n${uses('../drawing/good.ts', 'd')}`,
  'grafana/good.ts': uses('../runtime/telemetry/catalogue.ts'),
  'test/good.ts': `${uses('../runtime/step.ts')}\n${uses('fast-check', 'f')}`,
};

const packages = ['xstate', 'croner', 'zod', 'pino', 'nats', '@nats-io/nats-core'];
const devPackages = ['fast-check'];

function uses(what: string, name = 'it'): string {
  return `import { it as ${name}_ } from '${what}';\nexport const ${name} = ${name}_;\nexport type T${name} = 0;`;
}

function usesType(what: string, name = 'it'): string {
  return `import type { Tit as ${name}_ } from '${what}';\nexport type T${name} = ${name}_;`;
}

async function put(house: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(house, path)), { recursive: true });
  await writeFile(join(house, path), text);
}

async function build(house: string): Promise<void> {
  for (const [path, text] of Object.entries(good)) await put(house, path, text);
  for (const [path, { text }] of Object.entries(breaking)) await put(house, path, text);
  for (const name of [...packages, ...devPackages, 'brought-by-another']) {
    await put(house, `node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }));
    await put(house, `node_modules/${name}/index.js`, 'exports.it = 0;');
  }
  const versions = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, '1.0.0']));
  const manifest = { name: 'house', dependencies: versions(packages), devDependencies: versions(devPackages) };
  await put(house, 'package.json', JSON.stringify(manifest));
  await copyFile(join(root, 'tsconfig.json'), join(house, 'tsconfig.json'));
}

/** What dependency-cruiser says of `folders` in `house`. Its exit code counts violations, so it is no error. */
function cruise(house: string, folders: readonly string[]): Promise<z.infer<typeof report>> {
  const program = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
  const rules = join(root, '.dependency-cruiser.cjs');
  const { promise, resolve: done, reject } = Promise.withResolvers<z.infer<typeof report>>();
  execFile(
    process.execPath,
    [program, '--config', rules, '--output-type', 'json', ...folders],
    { cwd: house, maxBuffer: 2 ** 26 },
    (_error, stdout, stderr) => {
      const read = report.safeParse(stdout === '' ? undefined : JSON.parse(stdout));
      if (read.success) done(read.data);
      else reject(new Error(`Expected a report of dependency-cruiser, got: ${stderr}`));
    },
  );
  return promise;
}

let house: string;
let found: z.infer<typeof report>;

beforeAll(async () => {
  house = await mkdtemp(join(tmpdir(), 'yard-imports-'));
  await build(house);
  const folders = new Set([...Object.keys(good), ...Object.keys(breaking)].map((path) => path.split('/')[0] ?? ''));
  found = await cruise(house, [...folders]);
});
afterAll(() => rm(house, { recursive: true }));

function rulesBrokenBy(path: string): string[] {
  const broken = found.summary.violations.filter((violation) => violation.from === path);
  return [...new Set(broken.map((violation) => violation.rule.name))].sort();
}

test.each(Object.entries(breaking))('%s is refused', (path, { rules }) => {
  expect(rulesBrokenBy(path)).toEqual([...rules].sort());
});

test.each(Object.keys(good))('%s is let pass', (path) => {
  expect(found.modules.map((module) => module.source)).toContain(path);
  expect(rulesBrokenBy(path)).toEqual([]);
});

test('every rule of the table has been seen refusing something', async () => {
  const { default: rules } = await import(join(root, '.dependency-cruiser.cjs'));
  const names = z.object({ forbidden: z.array(z.object({ name: z.string() })) }).parse(rules);
  const seen = new Set(Object.values(breaking).flatMap(({ rules: broken }) => broken));
  expect(names.forbidden.map((rule) => rule.name).filter((name) => !seen.has(name))).toEqual([]);
});
