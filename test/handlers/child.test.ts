import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ChildOptions, capture, runChild } from '../../handlers/process/child.ts';
import { readLines, Tail } from '../../handlers/process/lines.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { StillClock } from './clock.ts';

let folder = '';
let fifo = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'child-'));
  fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A shell script as the command; the promise `up` resolves when it has written its first line. */
function started(script: string, options: Partial<ChildOptions> = {}) {
  const up = Promise.withResolvers<void>();
  const lines: string[] = [];
  const onStdout = (line: string) => {
    lines.push(line);
    up.resolve();
  };
  const clock = new SystemClock();
  const ended = runChild({ clock, command: 'sh', args: ['-c', script], onStdout, ...options });
  ended.catch(() => {});
  return { up: up.promise, lines, ended };
}

describe('a child process', () => {
  it('gives its exit code, and its stdout and stderr apart', async () => {
    const args = ['-c', 'echo out; echo err >&2; exit 7'];
    const end = await capture({ clock: new SystemClock(), command: 'sh', args });
    expect(end).toEqual({ exitCode: 7, timedOut: false, stdout: 'out', stderr: 'err' });
  });

  it('gets its arguments as they are: no shell reads them', async () => {
    const args = ['%s|', '$HOME', '; exit 9', 'a  b', '*'];
    const { stdout } = await capture({ clock: new SystemClock(), command: 'printf', args });
    expect(stdout).toBe('$HOME|; exit 9|a  b|*|');
  });

  it('that a signal ended has the exit code that a shell would give, and says nothing that it did not say', async () => {
    const end = await capture({ clock: new SystemClock(), command: 'sh', args: ['-c', 'kill -9 $$'] });
    expect(end).toEqual({ exitCode: 137, timedOut: false, stdout: '', stderr: '' });
  });

  it('that is stopped may finish in its own way first', async () => {
    const stop = new AbortController();
    const child = started('trap "echo tidy; exit 3" TERM; echo up; while :; do sleep 0.02; done', {
      signal: stop.signal,
    });
    await child.up;
    stop.abort(new Error('drained'));
    await expect(child.ended).rejects.toThrow('drained');
    expect(child.lines).toEqual(['up', 'tidy']);
  });

  it('that does not listen is killed after the grace', async () => {
    const clock = new StillClock();
    const stop = new AbortController();
    const child = started('trap "" TERM; echo up; sleep 1000', { clock, signal: stop.signal, graceMs: 300 });
    await child.up;
    stop.abort(new Error('cancelled'));
    clock.pass(300);
    await expect(child.ended).rejects.toThrow('cancelled');
  });

  it('that takes too long is stopped', async () => {
    const clock = new StillClock();
    const child = started('echo up; exec sleep 1000', { clock, timeoutMs: 5000 });
    await child.up;
    clock.pass(5000);
    await expect(child.ended).resolves.toEqual({ exitCode: 143, timedOut: true });
  });

  it('is not even started when its signal has fired before', async () => {
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(started('echo up', { signal }).ended).rejects.toThrow('too late');
  });

  it('takes along what it left in the background', async () => {
    const alive = readFile(fifo, 'utf8');
    await started(`exec 3>${fifo}; (trap "" TERM HUP; echo here; sleep 1000) >&3 & echo up`).ended;
    await expect(alive).resolves.toMatch(/^(here\n)?$/);
  });

  it('in a folder that is not there fails to start', async () => {
    await expect(started('echo up', { cwd: join(folder, 'none') }).ended).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('dies, with its own children, when its worker is killed', async () => {
    const held = createReadStream(fifo, 'utf8');
    const holder = join(import.meta.dirname, 'holder.ts');
    const script = `exec >${fifo}; trap "" TERM HUP INT; echo up; sleep 1000 & sleep 1000`;
    const worker = spawn(process.execPath, [holder, 'sh', '-c', script], { stdio: 'inherit' });
    expect(await once(held, 'data')).toEqual(['up\n']);
    worker.kill('SIGKILL');
    await once(held, 'end'); // Comes when nobody holds the other end any more.
  });
});

describe('lines', () => {
  it('are put together from pieces, whatever ends them and wherever UTF-8 was cut', async () => {
    const bytes = Buffer.from('one\r\ntwö\rthree\n\nfour');
    const pieces = [bytes.subarray(0, 7), bytes.subarray(7, 8), bytes.subarray(8)];
    const lines: string[] = [];
    const stream = Readable.from(pieces);
    readLines(stream, (line) => lines.push(line));
    await once(stream, 'close');
    expect(lines).toEqual(['one', 'twö', 'three', 'four']);
  });

  it('that never end are cut', async () => {
    const lines: string[] = [];
    const stream = Readable.from([Buffer.alloc(20_000, 'x')]);
    readLines(stream, (line) => lines.push(line));
    await once(stream, 'close');
    expect(lines.map((line) => line.length)).toEqual([8192, 8192, 3616]);
  });

  it('a tail keeps the last ones within its limit', () => {
    const tail = new Tail(10);
    for (const line of ['first', 'second', 'third', 'x']) tail.add(line);
    expect(tail.text).toBe('third\nx');
    tail.add('a line of many characters');
    expect(tail.text).toBe('characters');
  });
});
