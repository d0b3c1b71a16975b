/**
 * Whatever people do to the cluster or to jobs is written into the audit log before it is done, so that nothing is done
 * without a trace. What is refused then gets an entry of its own. Submissions are none of it: their records tell.
 */

import { hostname, userInfo } from 'node:os';
import { textWithoutSecrets } from '../machines/rules/secret.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import type { AuditLog } from '../runtime/ports.ts';

/** Who does something, and how they came in. */
export interface Author {
  /** Label and id of a token; user and host of a process; `anyone` at a door that asks for no token. */
  who: string;
  door: 'cli' | 'sdk' | 'http' | 'nats';
}

/** What is done. */
export interface Deed {
  /** Noun and verb, as `job.cancel` and `queue.set`. */
  what: string;
  /** The name or id of what it is done to. */
  target: string;
  /** What was asked for beside that. Payloads, which may have secrets, are left out. */
  given?: object | undefined;
}

export class Audited {
  readonly #log: AuditLog;
  readonly #clock: Clock;
  readonly #tenant: string;
  readonly #by: Author;

  constructor({ log, clock, tenant, by }: { log: AuditLog; clock: Clock; tenant: string; by: Author }) {
    this.#log = log;
    this.#clock = clock;
    this.#tenant = tenant;
    this.#by = by;
  }

  /** Does it, once it is written down. @throws {Fault} where that fails: it is not done then. And what `run` throws. */
  async done<Result>(deed: Deed, run: () => Promise<Result>): Promise<Result> {
    await this.#add(deed);
    try {
      return await run();
    } catch (cause) {
      const code = cause instanceof Fault ? cause.code : 'internal';
      // Whoever asked is told of the first failure, whatever becomes of the entry.
      await this.#add(deed, code).catch(() => undefined);
      throw cause;
    }
  }

  #add({ what, target, given = {} }: Deed, refused?: string): Promise<void> {
    const about = { what, target, given: JSON.stringify(given, withoutPayload) };
    const entry = { at: this.#clock.now(), ...this.#by, tenant: this.#tenant, ...about };
    return this.#log.add(refused === undefined ? entry : { ...entry, refused });
  }
}

function withoutPayload(name: string, value: unknown): unknown {
  if (name === 'payload') return undefined;
  return typeof value === 'string' ? textWithoutSecrets(value) : value;
}

/** Whoever runs this process. */
export function processAuthor(door: Author['door']): Author {
  return { who: `${userName()}@${hostname()}`, door };
}

/** A process may run as somebody whom the system does not know. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
