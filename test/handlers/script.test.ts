import { chmodSync, existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { script } from '../../handlers/script.ts';
import { servedTypes, shippedTypes } from '../../handlers/shipped.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { Attempt, issuesOf } from './attempt.ts';
import { StillClock } from './clock.ts';

const clock = new SystemClock();
const shell = script({ clock, allow: ['sh', '/bin/echo', 'printenv', 'gone'] });
let folder = '';

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'script-')));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a script job', () => {
  it('runs an allowed command and keeps what it wrote, live and in the result', async () => {
    const attempt = new Attempt(shell);
    const result = await attempt.run({ command: 'sh', args: ['-c', 'echo out; echo err >&2'] });
    expect(result).toEqual({ exitCode: 0, stdout: 'out', stderr: 'err' });
    expect(attempt.lines).toContainEqual({ line: 'out', stream: 'stdout' });
    expect(attempt.lines).toContainEqual({ line: 'err', stream: 'stderr' });
  });

  it('finds the results of the jobs that it waited for in its environment, unless they are too long for it', async () => {
    const command = { command: 'printenv', args: ['JOB_INPUTS'] };
    const attempt = new Attempt(shell, { inputs: { probe: { fps: 25 } } });
    expect(await attempt.run(command)).toMatchObject({ stdout: '{"probe":{"fps":25}}' });
    await expect(new Attempt(shell).run(command)).rejects.toThrow('ended with 1');
    await expect(new Attempt(shell, { inputs: { a: 'x'.repeat(120_000) } }).run(command)).rejects.toMatchObject({
      retryable: false,
      message: expect.stringMatching(/put their results where they can be fetched/),
    });
  });

  it('tells its lines while it runs', async () => {
    const attempt = new Attempt(shell);
    const go = join(folder, 'go');
    const result = attempt.run({ command: 'sh', args: ['-c', `echo up; until [ -e ${go} ]; do sleep 0.02; done`] });
    await attempt.next('log');
    expect(attempt.lines).toEqual([{ line: 'up', stream: 'stdout' }]);
    writeFileSync(go, '');
    expect(await result).toMatchObject({ exitCode: 0 });
  });

  it('fails with the exit code and the last of stderr when its command fails', async () => {
    const result = new Attempt(shell).run({ command: 'sh', args: ['-c', 'echo no such table >&2; exit 4'] });
    await expect(result).rejects.toMatchObject({
      message: 'Expected sh to end with 0, it ended with 4: no such table',
      exitCode: 4,
      stderr: 'no such table',
      retryable: true,
    });
  });

  it('sees the GPUs that its attempt was given, whatever its submitter says', async () => {
    const args = ['-c', 'echo "$CUDA_DEVICE_ORDER $CUDA_VISIBLE_DEVICES/$HIP_VISIBLE_DEVICES"'];
    const seen = (devices?: readonly string[]) =>
      new Attempt(shell, devices === undefined ? {} : { devices })
        .run({ command: 'sh', args, env: { CUDA_VISIBLE_DEVICES: '0,1,2,3' } })
        .then(({ stdout }) => stdout);
    expect(await seen(['2', '3'])).toBe('PCI_BUS_ID 2,3/2,3');
    expect(await seen([])).toBe('PCI_BUS_ID /');
    expect(await seen()).toBe(' 0,1,2,3/');
  });

  it('is not tried again when it ends with a code that is final, and is with any other', async () => {
    const ending = (code: number) => ({ command: 'sh', args: ['-c', `exit ${code}`], finalExitCodes: [2, 64] });
    await expect(new Attempt(shell).run(ending(64))).rejects.toMatchObject({ retryable: false, exitCode: 64 });
    await expect(new Attempt(shell).run(ending(3))).rejects.toMatchObject({ retryable: true, exitCode: 3 });
  });

  it('is stopped after its timeout', async () => {
    const still = new StillClock();
    const attempt = new Attempt(script({ clock: still, allow: ['sh'] }));
    const result = attempt.run({ command: 'sh', args: ['-c', 'echo up; exec sleep 1000'], timeoutMs: 2000 });
    await attempt.next('log');
    still.pass(2000);
    await expect(result).rejects.toThrow('Expected sh to end within 2000 ms');
  });

  it('ends with the reason of whoever stopped it', async () => {
    const attempt = new Attempt(shell);
    const result = attempt.run({ command: 'sh', args: ['-c', 'echo up; exec sleep 1000'] });
    await attempt.next('log');
    attempt.abort(new Error('cancelled by ann'));
    await expect(result).rejects.toThrow('cancelled by ann');
  });

  it('runs in the folder that it names', async () => {
    const result = await new Attempt(shell).run({ command: 'sh', args: ['-c', 'pwd'], cwd: folder });
    expect(result.stdout).toBe(folder);
  });

  it('knows its job and what it was given, and none of the secrets of the worker', async () => {
    vi.stubEnv('NATS_PASSWORD', 'secret');
    const result = await new Attempt(shell, { id: 'j7', attempt: 3 }).run({
      command: 'printenv',
      env: { GREETING: 'hello' },
    });
    const lines = result.stdout.split('\n');
    expect(lines).toEqual(expect.arrayContaining(['JOB_ID=j7', 'JOB_ATTEMPT=3', 'GREETING=hello']));
    expect(result.stdout).not.toContain('secret');
  });
});

describe('a script job is refused for good', () => {
  const refusals: readonly [string, () => unknown, string][] = [
    [
      'that is not on the list',
      () => ({ command: 'cat' }),
      'Expected a command that this worker allows (sh, /bin/echo, printenv, gone), got cat.',
    ],
    ['that is on the list by another path', () => ({ command: 'echo' }), 'got echo'],
    [
      'of an allowed name in another folder',
      () => ({ command: planted('sh') }),
      'Expected a command that this worker allows',
    ],
    ['that is a relative path', () => ({ command: './sh' }), 'Expected a command that this worker allows'],
    ['with arguments in it', () => ({ command: 'sh -c id' }), 'Expected a command that this worker allows'],
    ['that is not installed', () => ({ command: 'gone' }), 'Expected the allowed command gone to be an executable'],
    [
      'in a folder that is not there',
      () => ({ command: 'sh', cwd: join(folder, 'none') }),
      'Expected cwd to be a folder',
    ],
  ];

  it.each(refusals)('for a command %s', async (_, payload, sentence) => {
    const result = new Attempt(shell).run(payload());
    await expect(result).rejects.toMatchObject({ name: 'JobError', retryable: false });
    await expect(result).rejects.toThrow(sentence);
    expect(existsSync(join(folder, 'ran'))).toBe(false);
  });

  it.each([
    [{ command: 'sh', env: { LD_PRELOAD: '/x.so' } }, 'Expected no variable that decides what code is loaded'],
    [{ command: 'sh', env: { PATH: '/x' } }, 'Expected no variable that decides what code is loaded'],
    [{ command: 'sh', env: { 'A B': 'x' } }, 'Expected names of letters'],
    [{ command: 'sh', shell: true }, 'got shell'],
    [{ command: 'sh', args: 'x' }, 'Expected a list of arguments'],
    [{ command: 'sh', finalExitCodes: [0] }, 'Expected exit codes from 1 to 255.'],
    [{ command: 'sh', args: ['a\0b'] }, 'Expected no NUL character'],
    [{}, 'Expected this field, it is missing'],
    [{ command: '' }, 'Expected some text'],
  ])('for the payload %j', async (payload, sentence) => {
    expect((await issuesOf(shell, payload)).join(' ')).toContain(sentence);
  });

  function planted(name: string): string {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\ntouch ${join(folder, 'ran')}\n`);
    chmodSync(path, 0o755);
    return path;
  }
});

describe('the types that ship', () => {
  const types = (definitions: readonly { type: string }[]) => definitions.map(({ type }) => type);

  it('are all known to a master', () => {
    expect(types(shippedTypes({ clock }))).toEqual([
      'transcode',
      'script',
      'noop',
      'sleeper',
      'flaky',
      'always_fail',
      'webhook',
    ]);
  });

  it('are served by a worker, script only where it allows a program', () => {
    expect(types(servedTypes({ clock }))).not.toContain('script');
    expect(types(servedTypes({ clock, script: { allow: [] } }))).not.toContain('script');
    expect(types(servedTypes({ clock, script: { allow: ['date'] } }))).toContain('script');
  });
});
