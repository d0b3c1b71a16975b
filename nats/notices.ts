/**
 * Notices to a worker, on a core subject of its incarnation: hints to read the record, lost without harm.
 *
 * A worker that hears none would never learn that it was taken for lost, so its hearing is proven (`proven.ts`).
 */

import type { NatsConnection } from 'nats';
import type { Clock } from '../runtime/clock.ts';
import type { Notice, Notices } from '../runtime/ports.ts';
import { encodeJson } from './codec.ts';
import { hint } from './hint.ts';
import { readJson } from './listen.ts';
import type { Names } from './names.ts';
import { listenProven } from './proven.ts';

export interface NoticesOptions {
  connection: NatsConnection;
  names: Names;
  clock: Clock;
  /** How often a worker proves that it hears; every 2 s unless given. */
  proveEveryMs?: number;
}

export function natsNotices({ connection, names, clock, proveEveryMs = 2_000 }: NoticesOptions): Notices {
  return {
    send(incarnation, notice) {
      hint(connection, names.notice(incarnation, notice.verb), encodeJson(notice));
    },
    receive: (incarnation, onNotice) =>
      listenProven({
        connection,
        clock,
        subject: names.notice(incarnation, '*'),
        echo: names.notice(incarnation, 'echo'),
        everyMs: proveEveryMs,
        onMessage: (message) => {
          const notice = readJson<Notice>(message);
          if (notice !== undefined) onNotice(notice);
        },
      }),
  };
}
