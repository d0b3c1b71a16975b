/**
 * The masters and workers of a cluster on this machine: launched, and started again when they end and should not have.
 *
 * Two times: while the cluster starts, one that ends has failed it, and `failed` says why. Once `steady` is said,
 * one that ends is told and started again, after 1 s the first time, twice as late each time that it ends at once.
 */

import type { Cancel, Clock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import type { CommandLine } from './command-line.ts';
import { type End, Member, type Program, type Role } from './member.ts';

export interface CrewOptions {
  clock: Clock;
  program: Program;
  /** What the processes find themselves in. */
  env: NodeJS.ProcessEnv;
  directory: string;
  restart: boolean;
  onLine(from: string, line: string): void;
  say(sentence: string): void;
  /** One has started or ended. */
  onChange(): void;
}

interface Post {
  member: Member;
  startedAt: number;
  /** How often it ended soon after its start, in a row. */
  failures: number;
  isRetired: boolean;
}

const restartAfterMs = 1_000;
const longestRestartMs = 30_000;
/** A process that ran for so long did not fail at its start. */
const soundAfterMs = 60_000;

export class Crew {
  readonly #options: CrewOptions;
  readonly #posts: Post[] = [];
  readonly #timers = new Set<Cancel>();
  readonly #failed = Promise.withResolvers<never>();
  #phase: 'starting' | 'steady' | 'closed' = 'starting';

  constructor(options: CrewOptions) {
    this.#options = options;
    this.#failed.promise.catch(() => undefined);
  }

  /** Rejects where one ends before the cluster is steady. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  get members(): readonly Member[] {
    return this.#posts.map(({ member }) => member);
  }

  of(role: Role): readonly Member[] {
    return this.members.filter((member) => member.role === role);
  }

  launch(name: string, role: Role, { args, env }: CommandLine): Member {
    const { clock, program, directory, onLine } = this.#options;
    const member: Member = new Member({
      name,
      role,
      program,
      args,
      env: { ...this.#options.env, ...env },
      directory,
      clock,
      onLine: (line) => onLine(name, line),
      onEnd: (end) => this.#ended(post, end),
    });
    const post: Post = { member, startedAt: clock.mono(), failures: 0, isRetired: false };
    this.#posts.push(post);
    member.start();
    return member;
  }

  /** The cluster has started: from now on, what ends comes back. */
  steady(): void {
    if (this.#phase === 'starting') this.#phase = 'steady';
  }

  /** Ends one with SIGKILL; it does not come back. */
  async kill(name: string): Promise<void> {
    const post = this.#posts.find(({ member }) => member.name === name);
    if (post === undefined)
      throw new Fault(
        'input.invalid',
        `Expected one of ${this.members.map((each) => each.name).join(', ')}, got ${name}.`,
      );
    post.isRetired = true;
    await post.member.kill();
  }

  /** From now on, nothing comes back. */
  close(): void {
    this.#phase = 'closed';
    for (const cancel of this.#timers) cancel();
    this.#failed.reject(
      new Fault('process.ended', 'Expected the cluster to start, it was stopped before it was ready.'),
    );
  }

  signal(role: Role, signal: NodeJS.Signals): void {
    for (const member of this.of(role)) member.signal(signal);
  }

  async stop(role: Role, withinMs: number): Promise<void> {
    await Promise.all(this.of(role).map((member) => member.stop(withinMs)));
  }

  #ended(post: Post, { pid, how, lastWords }: End): void {
    if (this.#phase === 'closed') return;
    this.#options.onChange();
    const { name } = post.member;
    if (this.#phase === 'starting')
      return this.#failed.reject(
        new Fault('process.ended', `Expected ${name} to start, it ended with ${how}: ${messageIn(lastWords)}`),
      );
    const told = `${name} (process ${pid}) ended with ${how}`;
    if (post.isRetired) return;
    if (!this.#options.restart) return this.#options.say(`${told}.`);
    const delay = this.#delay(post);
    this.#options.say(`${told}; it is started again in ${Math.round(delay / 1_000)} s.`);
    this.#timers.add(this.#options.clock.after(delay, () => this.#again(post)));
  }

  #delay(post: Post): number {
    if (this.#options.clock.mono() - post.startedAt > soundAfterMs) post.failures = 0;
    return Math.min(longestRestartMs, restartAfterMs * 2 ** post.failures++);
  }

  #again(post: Post): void {
    post.startedAt = this.#options.clock.mono();
    post.member.start();
    this.#options.onChange();
  }
}

/** What a line says: the message of a log line, else the line itself. */
function messageIn(line: string): string {
  try {
    const json: unknown = JSON.parse(line);
    if (typeof json === 'object' && json !== null && 'msg' in json) return String(json.msg);
  } catch {
    // It is no log line.
  }
  return line === '' ? 'it said nothing' : line;
}
