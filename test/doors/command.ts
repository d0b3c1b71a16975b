/**
 * The command `yard` as people run it: real processes, in a directory of their own, with a broker's address.
 */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const yardFile = join(root, 'bin/yard.js');
const lastsAtMostMs = 30_000;

/** How a process ended. */
export interface Ran {
  code: number | null;
  /** What it wrote to standard output: data. */
  out: string;
  /** What it wrote to standard error: talk. */
  talk: string;
}

/** A process that runs, and what it has said so far. */
export class Running {
  readonly ended: Promise<Ran>;
  readonly #child: ChildProcessWithoutNullStreams;
  #out = '';
  #talk = '';
  #hear: () => void = () => {};

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#heard({ out: text }));
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#heard({ talk: text }));
    this.ended = new Promise((ends) => {
      child.once('close', (code) => {
        ends({ code, out: this.#out, talk: this.#talk });
        this.#hear();
      });
    });
  }

  #heard({ out = '', talk = '' }: { out?: string; talk?: string }): void {
    this.#out += out;
    this.#talk += talk;
    this.#hear();
  }

  /** Resolves as soon as this was said on either stream. */
  async says(text: string): Promise<void> {
    while (!`${this.#out}${this.#talk}`.includes(text)) {
      if (this.#child.exitCode !== null)
        throw new Error(
          `Expected it to say ${text}, it ended with ${this.#child.exitCode}:\n${this.#out}${this.#talk}`,
        );
      await new Promise<void>((resolve) => {
        this.#hear = resolve;
      });
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

/** Starts programs in one directory with one environment; ends those that are left at the end. */
export class Shell implements AsyncDisposable {
  readonly #directory: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #running = new Set<Running>();

  constructor(directory: string, env: Readonly<Record<string, string>>) {
    this.#directory = directory;
    this.#env = env;
  }

  /** `yard` with these words; ends within half a minute or is killed. */
  yard(...words: string[]): Promise<Ran> {
    return this.#start([yardFile, ...words], lastsAtMostMs, '').ended;
  }

  /** As `yard`, with something on standard input. */
  yardReading(input: string, ...words: string[]): Promise<Ran> {
    return this.#start([yardFile, ...words], lastsAtMostMs, input).ended;
  }

  /** `yard` that keeps running. */
  start(...words: string[]): Running {
    return this.#start([yardFile, ...words], undefined, '');
  }

  /** Another script. */
  node(...words: string[]): Promise<Ran> {
    return this.#start(words, lastsAtMostMs, '').ended;
  }

  #start(words: readonly string[], timeout: number | undefined, input: string): Running {
    const { PATH = '', HOME = '' } = process.env;
    const env = { PATH, HOME, XDG_CONFIG_HOME: this.#directory, ...this.#env };
    const child = spawn(process.execPath, words, {
      cwd: this.#directory,
      env,
      ...(timeout === undefined ? {} : { timeout }),
    });
    child.stdin.end(input);
    const running = new Running(child);
    this.#running.add(running);
    void running.ended.then(() => this.#running.delete(running));
    return running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = [...this.#running];
    for (const running of left) running.signal('SIGKILL');
    await Promise.all(left.map(({ ended }) => ended));
  }
}
