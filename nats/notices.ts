/**
 * Notices to a worker, on a core subject of its incarnation: hints to read the record, lost without harm.
 */

import type { NatsConnection } from 'nats';
import type { Notice, Notices } from '../runtime/ports.ts';
import { encodeJson } from './codec.ts';
import { hint } from './hint.ts';
import { listenJson } from './listen.ts';
import type { Names } from './names.ts';

export function natsNotices({ connection, names }: { connection: NatsConnection; names: Names }): Notices {
  return {
    send(incarnation, notice) {
      hint(connection, names.notice(incarnation, notice.verb), encodeJson(notice));
    },
    receive: (incarnation, onNotice) => listenJson<Notice>(connection, names.notice(incarnation, '*'), onNotice),
  };
}
