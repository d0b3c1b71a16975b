import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readOptionFile } from '../../runtime/options/file.ts';
import { flagsOf, optionsPage } from '../../runtime/options/page.ts';
import { envOf, flagOf, optionNames, options, scopes } from '../../runtime/options/table.ts';
import { explain, resolveOptions } from '../../runtime/options.ts';

const nothing = { flags: {}, env: {} };

describe('where a value comes from', () => {
  const file = { path: 'yardmaster.json', values: { concurrency: 3, leaderSilence: '900ms', types: ['a', 'b'] } };

  test('a flag wins over the environment, that over the file, that over the default', () => {
    const env = { YARD_CONCURRENCY: '4' };
    expect(resolveOptions({ flags: { concurrency: '5' }, env, file }, 'worker').concurrency).toBe(5);
    expect(resolveOptions({ flags: {}, env, file }, 'worker').concurrency).toBe(4);
    expect(resolveOptions({ ...nothing, file }, 'worker').concurrency).toBe(3);
    expect(resolveOptions(nothing, 'worker').concurrency).toBe(12);
  });

  test('every value knows its origin', () => {
    const env = { NATS_URL: 'nats://a:4222,nats://b:4222' };
    const { origins, nats } = resolveOptions({ flags: { 'scheduler-interval': '2s' }, env, file }, 'master');
    expect(nats).toEqual(['nats://a:4222', 'nats://b:4222']);
    expect(origins.schedulerInterval).toBe('flag --scheduler-interval');
    expect(origins.nats).toBe('env NATS_URL');
    expect(origins.leaderSilence).toBe('file yardmaster.json');
    expect(origins.offerFor).toBe('default');
  });

  test('of two environment names the one of our own wins', () => {
    const env = { NATS_URL: 'nats://a:1', YARD_NATS: 'nats://b:1' };
    expect(resolveOptions({ flags: {}, env }, 'client').nats).toEqual(['nats://b:1']);
  });

  test('the file is found in the working directory, or where it is named', () => {
    const directory = mkdtempSync(join(tmpdir(), 'yard-options-'));
    expect(readOptionFile(nothing, directory)).toBeUndefined();
    writeFileSync(join(directory, 'yardmaster.json'), '{"concurrency": 2}');
    writeFileSync(join(directory, 'other.json'), '{"concurrency": 7}');
    expect(readOptionFile(nothing, directory)?.values).toEqual({ concurrency: 2 });
    expect(readOptionFile({ flags: {}, env: { YARD_CONFIG: 'other.json' } }, directory)?.values).toEqual({
      concurrency: 7,
    });
    expect(() => readOptionFile({ flags: { config: 'absent.json' }, env: {} }, directory)).toThrow(
      'Expected a file of options at',
    );
    writeFileSync(join(directory, 'other.json'), '[1]');
    expect(() => readOptionFile({ flags: { config: 'other.json' }, env: {} }, directory)).toThrow(
      'Expected other.json to hold one JSON object of options, got something else.',
    );
  });
});

describe('what is read', () => {
  test('a name that nobody could read in a list is refused', () => {
    const named = (name: string) => () => resolveOptions({ flags: { name }, env: {} }, 'worker');
    expect(named('GPU box 7, Köln')().name).toBe('GPU box 7, Köln');
    for (const name of ['x'.repeat(101), 'two\nlines', '\u001b[31mred'])
      expect(named(name)).toThrow('up to 100 characters in one line');
  });

  test('text and JSON mean the same', () => {
    const text = {
      schedulerInterval: '1m30s',
      labels: 'zone=eu,disk=ssd',
      types: 'a, b,a',
      gpuSpillOver: 'no',
      lookAhead: '3',
      port: 'free',
    };
    const json = {
      schedulerInterval: 90_000,
      labels: { zone: 'eu', disk: 'ssd' },
      types: ['a', 'b'],
      gpuSpillOver: false,
      lookAhead: 3,
      port: 'free',
    };
    const fromText = resolveOptions({ flags: text, env: {} }, 'up');
    const fromJson = resolveOptions({ ...nothing, file: { path: 'f', values: json } }, 'up');
    expect({ ...fromText, origins: {} }).toEqual({ ...fromJson, origins: {} });
    expect(fromText.schedulerInterval).toBe(90_000);
    expect(fromText.types).toEqual(['a', 'b']);
  });

  test('every default is accepted when it is written out', () => {
    const defaults = resolveOptions(nothing, 'up');
    const rows = explain(defaults).filter((row) => options[row.name].default !== undefined);
    const written = Object.fromEntries(rows.map((row) => [row.name, row.value]));
    const again = resolveOptions({ ...nothing, file: { path: 'f', values: written } }, 'up');
    expect({ ...again, origins: {} }).toEqual({ ...defaults, origins: {} });
  });
});

describe('what is refused', () => {
  const refusals: readonly [Record<string, unknown>, string][] = [
    [{ concurrency: 0 }, 'Expected `concurrency` to be a whole number from 1 up, got 0. Change flag --concurrency.'],
    [{ concurrency: '1.5' }, 'Expected `concurrency` to be a whole number from 1 up, got 1.5.'],
    [{ concurrency: '' }, 'Expected `concurrency` to be a whole number from 1 up, got "".'],
    [
      { leaderSilence: '10ms' },
      'Expected `leaderSilence` to be a duration from 300ms up, such as `5s` or `1m30s`, got "10ms".',
    ],
    [{ durability: 'best' }, 'Expected `durability` to be one of fast, replicated, fsync, got "best".'],
    [{ port: 70_000 }, 'Expected `port` to be a whole number from 1 to 65535, or free, got 70000.'],
    [{ labels: 'zone' }, 'Expected `labels` to be names with values, such as `zone=eu,disk=ssd`, got "zone".'],
    [{ concurency: 3 }, 'Expected the name of an option as a flag, got `concurency`. Did you mean `concurrency`?'],
    [{ frobnicate: 1 }, 'got `frobnicate`. See `yard config show` for all.'],
  ];
  test.each(refusals)('%o', (flags, sentence) => {
    expect(() => resolveOptions({ flags, env: {} }, 'up')).toThrow(sentence);
  });

  test('a flag that is another command’s', () => {
    expect(() => resolveOptions({ flags: { masters: 3 }, env: {} }, 'worker')).toThrow(
      'Expected an option of a worker, got `--masters`. It is for: up.',
    );
  });

  test('an unknown name in the file, and a mistyped one in the environment, but no stranger’s', () => {
    const file = { path: 'y.json', values: { concurency: 3 } };
    expect(() => resolveOptions({ ...nothing, file }, 'up')).toThrow('Expected the name of an option in y.json');
    expect(() => resolveOptions({ flags: {}, env: { YARD_CONCURENCY: '3' } }, 'up')).toThrow(
      'Did you mean YARD_CONCURRENCY?',
    );
    const kubernetes = { YARD_SERVICE_HOST: '10.0.0.1', YARD_PORT: 'tcp://10.0.0.1:4222' };
    expect(resolveOptions({ flags: {}, env: kubernetes }, 'up').port).toBe(4222);
  });
});

describe('secrets', () => {
  const env = { NATS_PASSWORD: 'hunter2', YARD_TOKEN: 'hunter2', NATS_URL: 'nats://me:hunter2@host:4222' };

  test('are never shown', () => {
    const resolved = resolveOptions({ flags: {}, env }, 'client');
    expect(resolved.password).toBe('hunter2');
    const rows = explain(resolved);
    expect(JSON.stringify(rows)).not.toContain('hunter2');
    expect(rows.find((row) => row.name === 'nats')?.value).toBe('nats://***@host:4222');
  });

  test('not even when they are refused', () => {
    const wrong = { flags: { password: ['hunter2'], nats: undefined }, env: {} };
    expect(() => resolveOptions(wrong, 'client')).toThrow('got something else. Change flag --password.');
    const address = { flags: { nats: 'nats://me:hunter2@host:4222/ x' }, env: {} };
    expect(() => resolveOptions(address, 'client')).toThrow(/^(?!.*hunter2)/s);
  });
});

describe('the table', () => {
  test('gives every option a flag and environment names of its own, and somebody who takes it', () => {
    const names = optionNames.flatMap((name) => [flagOf(name), ...envOf(name)]);
    expect(new Set(names).size).toBe(names.length);
    for (const name of optionNames) expect(options[name].scopes.length, name).toBeGreaterThan(0);
  });

  test('is all on the page, and each scope’s part in its help', () => {
    for (const name of optionNames) expect(optionsPage()).toContain(`| \`${name}\` | \`${flagOf(name)} <`);
    for (const scope of scopes) expect(flagsOf(scope).length).toBeGreaterThan(5);
    expect(flagsOf('worker').map((flag) => flag.usage)).toContain('--concurrency <count>');
    expect(flagsOf('client').map((flag) => flag.name)).not.toContain('concurrency');
  });
});
