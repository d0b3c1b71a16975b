/** `npm ci` works from this lock file on every platform, and asks whichever registry it is told to. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { filled, gapsOf, lockFile } from '../../scripts/lock-gap.ts';

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));
}

const lock = lockFile.parse(read('package-lock.json'));
const versions = z.record(z.string(), z.string());
const manifest = z
  .looseObject({ dependencies: versions, devDependencies: versions, optionalDependencies: versions })
  .parse(read('package.json'));

test('no optional dependency is left out, for npm would refuse the whole lock file; `node scripts/lock.ts` mends it', () => {
  expect(Object.keys(lock.packages).length).toBeGreaterThan(100);
  expect(gapsOf(lock)).toEqual([]);
});

test('no package is bound to a host', () => {
  expect(Object.values(lock.packages).flatMap(({ resolved }) => resolved ?? [])).toEqual([]);
});

test('every version that we ask for is exact', () => {
  const asked = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
  const loose = Object.entries(asked).filter(([, version]) => !/^(?:npm:[^@]*@?[^@]+@)?\d+\.\d+\.\d+$/.test(version));
  expect(loose).toEqual([]);
});

test('a gap is found and filled with the platform that the name tells', () => {
  const holed = {
    packages: {
      '': {},
      'node_modules/b': { version: '1.0.0', dev: true, optionalDependencies: { 'b-linux-x64-musl': '1.0.0' } },
      'node_modules/a': {
        version: '2.0.0',
        optionalDependencies: { '@a/a-darwin-arm64': '2.0.0', 'a-linux-x64': '2.0.0' },
      },
      'node_modules/a/node_modules/a-linux-x64': { version: '2.0.0' },
    },
  };
  expect(gapsOf(holed).map(({ name }) => name)).toEqual(['b-linux-x64-musl', '@a/a-darwin-arm64']);
  const { packages } = filled(holed);
  expect(gapsOf({ packages })).toEqual([]);
  expect(Object.keys(packages)[1]).toBe('node_modules/@a/a-darwin-arm64');
  expect(packages['node_modules/@a/a-darwin-arm64']).toEqual({
    version: '2.0.0',
    cpu: ['arm64'],
    optional: true,
    os: ['darwin'],
  });
  expect(packages['node_modules/b-linux-x64-musl']).toEqual({
    version: '1.0.0',
    cpu: ['x64'],
    dev: true,
    libc: ['musl'],
    optional: true,
    os: ['linux'],
  });
});
