/**
 * Live news of the bucket of jobs: the broker republishes the headers of each write to a core subject.
 *
 * On a connection of its own, so that a slow moment of the picture never takes the lease's connection along.
 * Core messages may be lost; whoever follows compares sequences (`actors/follower.ts`).
 */

import type { Msg, NatsConnection } from 'nats';
import type { Change, Feed, Stop } from '../runtime/ports.ts';
import { decodeChange, headerReader } from './codec.ts';
import type { Names } from './names.ts';

export function natsFeed(connection: NatsConnection, names: Names): Feed {
  return {
    async follow(onChange): Promise<Stop> {
      const subscription = connection.subscribe(names.feed, {
        callback: (error, message) => {
          if (error === null) onChange(changeOf(names, message));
        },
      });
      await connection.flush();
      return async () => subscription.unsubscribe();
    },
  };
}

function changeOf(names: Names, message: Msg): Change {
  const header = headerReader(message);
  return decodeChange(
    names.keyOfSubject(message.subject) ?? message.subject,
    Number(header('Nats-Sequence') ?? 0),
    header,
  );
}
