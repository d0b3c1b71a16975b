/**
 * The whole world on a real broker: every port, over two connections. The feed has one of its own, so that a slow
 * moment of the picture never takes the lease's connection along.
 */

import type { NatsConnection } from 'nats';
import type { Clock } from '../runtime/clock.ts';
import type { Books, Tail, World } from '../runtime/ports.ts';
import type { BrokerAddress } from './address.ts';
import { NatsArchive } from './archive.ts';
import { NatsAuditLog } from './audit-log.ts';
import { NatsBlobs } from './blobs.ts';
import { NatsBooks } from './books.ts';
import { NatsControl } from './control.ts';
import { natsDesk } from './desk.ts';
import { NatsEvents } from './events.ts';
import { natsFeed } from './feed.ts';
import { NatsLogs } from './logs.ts';
import { NatsMail } from './mail.ts';
import { natsMicro, type Serve } from './micro.ts';
import type { Names } from './names.ts';
import { natsNotices } from './notices.ts';
import { natsPulses } from './pulses.ts';
import { SharedTail } from './shared-tail.ts';
import { NatsStore, type Retention } from './store.ts';
import { NatsSubmissions } from './submissions.ts';
import { NatsTail } from './tail.ts';

export interface WorldOptions {
  connection: NatsConnection;
  /** Where the feed is heard. */
  feedConnection: NatsConnection;
  /** For the thread that keeps a worker's pulse, which connects by itself. */
  address: BrokerAddress;
  names: Names;
  clock: Clock;
  retentionMs: number;
  retentionByState?: Retention;
  pulseEveryMs: number;
}

export type NatsWorld = World & {
  logs: NatsLogs;
  events: NatsEvents;
  archive: NatsArchive;
  books: Books;
  tail: Tail;
  serve: Serve;
};

export async function natsWorld(options: WorldOptions): Promise<NatsWorld> {
  const { connection, feedConnection, address, names, clock, pulseEveryMs } = options;
  return {
    store: await NatsStore.open({ ...options, inboxPrefix: address.inboxPrefix }),
    feed: natsFeed(feedConnection, names),
    submissions: new NatsSubmissions({ connection, names, clock }),
    mail: new NatsMail({ connection, names, clock, inboxPrefix: address.inboxPrefix }),
    pulses: natsPulses({ connection, address, names, clock, everyMs: pulseEveryMs }),
    notices: natsNotices({ connection, names, clock }),
    logs: new NatsLogs({ connection, names, clock }),
    events: new NatsEvents({ connection, names, clock }),
    control: new NatsControl({ connection, names, clock }),
    desk: natsDesk({ connection, names }),
    blobs: new NatsBlobs({ connection, names, clock }),
    auditLog: new NatsAuditLog({ connection, names }),
    archive: new NatsArchive({ connection, names, clock }),
    books: new NatsBooks({ connection, names }),
    tail: new SharedTail(new NatsTail({ connection, names })),
    serve: natsMicro({ connection, names, clock }),
  };
}
