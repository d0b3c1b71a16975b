/** The code of `docs/sdk.md`, put together as it stands: it compiles under every strict flag, and does what it says. */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { testCluster } from './cluster.ts';

const root = resolve(import.meta.dirname, '../..');

/** All of the page's code as one file, with this checkout in the place of the package. */
async function codeOf(page: string): Promise<string> {
  const text = await readFile(join(root, 'docs', page), 'utf8');
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
  return blocks
    .join('\n')
    .replaceAll("'yardmaster/testing'", `'${root}/sdk/testing.ts'`)
    .replaceAll("'yardmaster'", `'${root}/sdk/index.ts'`);
}

function ran(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  return new Promise((done, failed) => {
    const options = { cwd: root, env: { ...process.env, ...env }, timeout: 240_000 };
    execFile(process.execPath, words, options, (error, out, talk) => {
      if (error === null) done(out);
      else failed(new Error(`Expected ${words.join(' ')} to succeed, it said:\n${out}${talk}`));
    });
  });
}

test('the code of docs/sdk.md compiles and does what it says', { timeout: 300_000 }, async () => {
  await mkdir(join(root, '.cache'), { recursive: true });
  const folder = await mkdtemp(join(root, '.cache/sdk-page-'));
  try {
    await writeFile(join(folder, 'page.ts'), await codeOf('sdk.md'));
    const config = {
      extends: join(root, 'tsconfig.json'),
      include: ['page.ts', join(root, 'runtime/telemetry/prom-client.d.ts')],
    };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
    await ran([join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]);

    await using cluster = await testCluster();
    const out = await ran([join(folder, 'page.ts')], { NATS_URL: cluster.broker.url });
    expect(out).toMatch(/^\S+ true fast a-1280\.png$/m);
    expect(out).toMatch(/^\d+ assigned → (processing|completed)$/m);
    expect(out).toContain('Expected a PNG.\ntrue false\n');
    expect(out).toMatch(/ cancelled\ncompleted\n/);
    expect(out).toMatch(/(pass 1|✔ a resize that fails)/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
