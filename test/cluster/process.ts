/**
 * One master or worker as a real process: `node bin/yard.js master|worker`, and what it tells in its log.
 *
 * Knows how it is started, signalled and listened to; leaves which there are to `harness.ts`. Dies with the test.
 */

import { Member, type Program, type Role, yardProgram } from '../../cluster/member.ts';
import type { SystemClock } from '../../runtime/clock.ts';
import { flagOf, isOptionName, type OptionName, options as table } from '../../runtime/options/table.ts';
import type { News } from './news.ts';
import type { Wire } from './wire.ts';

/** Options of the command line, by the names of the table, as text. */
export type Flags = Partial<Record<Exclude<OptionName, 'masters' | 'workers' | 'name' | 'nats'>, string | number>>;

/** A line of the log of a process: its event and its facts. */
export type Told = Readonly<Record<string, unknown>> & { event: string };

export interface ProcessOptions {
  name: string;
  role: Role;
  url: string;
  wire: Wire | undefined;
  flags: Flags;
  directory: string;
  env: NodeJS.ProcessEnv;
  clock: SystemClock;
  news: News;
  /** What runs as `yard`; the checkout unless given. */
  program?: Program | undefined;
}

const keptLines = 400;

export class YardProcess {
  readonly name: string;
  readonly role: Role;
  readonly wire: Wire | undefined;
  readonly told: Told[] = [];
  readonly #member: Member;
  readonly #news: News;
  readonly #lines: string[] = [];
  #how: string | undefined;

  constructor(options: ProcessOptions) {
    const { name, role, url, wire, flags, directory, env, clock, news, program = yardProgram() } = options;
    this.name = name;
    this.role = role;
    this.wire = wire;
    this.#news = news;
    this.#member = new Member({
      name,
      role,
      program,
      args: ['--nats', wire?.url ?? url, '--name', name, '--log-level', 'trace', ...flagsFor(role, flags)],
      env,
      directory,
      clock,
      onLine: (line) => this.#said(line),
      onEnd: ({ how }) => this.#ended(how),
    });
    this.#member.start();
  }

  get pid(): number | undefined {
    return this.#member.pid;
  }

  /** How it ended; `undefined` while it runs. */
  get how(): string | undefined {
    return this.#how;
  }

  /** What it said last, for the message of a test that fails. */
  get lastLines(): string {
    return this.#lines.slice(-25).join('\n');
  }

  tells(event: string): boolean {
    return this.told.some((told) => told.event === event);
  }

  signal(signal: NodeJS.Signals): void {
    this.#member.signal(signal);
  }

  kill(): Promise<void> {
    return this.#member.kill();
  }

  /** Asks it to stop and waits until it is gone. */
  stop(withinMs: number): Promise<void> {
    return this.#member.stop(withinMs);
  }

  #said(line: string): void {
    const told = toldIn(line);
    if (told?.event === 'commit.batch') return;
    if (told !== undefined) this.told.push(told);
    this.#lines.push(typeof told?.['msg'] === 'string' ? `${told.event}: ${told['msg']}` : line);
    if (this.#lines.length > keptLines) this.#lines.shift();
    this.#news.ring();
  }

  #ended(how: string): void {
    this.#how = how;
    this.#news.ring();
  }
}

/** Those flags that a process of this role has. */
function flagsFor(role: Role, flags: Flags): string[] {
  return Object.entries(flags).flatMap(([name, value]) =>
    isOptionName(name) && table[name].scopes.includes(role) ? [`${flagOf(name)}=${value}`] : [],
  );
}

function toldIn(line: string): Told | undefined {
  try {
    const json: unknown = JSON.parse(line);
    return isTold(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

function isTold(json: unknown): json is Told {
  return typeof json === 'object' && json !== null && 'event' in json && typeof json.event === 'string';
}
