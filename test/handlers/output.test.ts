import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openOutput } from '../../handlers/transcode/output.ts';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'output-')));
afterAll(() => rmSync(root, { recursive: true }));

test('many jobs that write into one new folder all get it, whoever of them makes it', async () => {
  const job = { fence: { job: 'j1', attempt: 1 }, signal: new AbortController().signal, holdsFence: async () => true };
  for (let film = 0; film < 400; film += 1) {
    const names = Array.from({ length: 8 }, (_, rung) => `film-${film}/season/${rung}.mp4`);
    const opened = await Promise.all(names.map((name) => openOutput(name, { root, job })));
    expect(opened.map(({ final }) => final)).toEqual(names.map((name) => join(root, name)));
  }
});
