/**
 * Gathers what a cluster did, as far as it can be seen from outside of it: from the broker, from what its processes
 * said, and from what its handlers left behind. What must hold of it is in `history.ts`.
 */

import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { Change } from '../../runtime/ports.ts';
import type { Effects } from './effects.ts';
import type { History } from './history.ts';
import type { YardProcess } from './process.ts';
import type { User } from './user.ts';

export interface Sources {
  user: User;
  processes: readonly YardProcess[];
  effects: Effects;
  connection: NatsConnection;
  changes: readonly Change[];
}

/** A message in the stream of submissions, with the id that it names. */
interface Submission {
  sequence: number;
  id: string | undefined;
}

export async function gatherHistory(sources: Sources): Promise<History> {
  const { user, processes, effects, connection, changes } = sources;
  const submitted = () => submissionsIn(connection, user.names.streams.submit);
  const submissions = await user.told(submitted, 'all submissions');
  // Before the records: what it says it has fired is there.
  const schedules = await user.schedules();
  const records = await user.records();
  const rejections = await user.rejections();
  const refused = new Set(rejections.map(({ sequence }) => sequence));
  const kept = user.submitted.filter(({ sequence }) => !refused.has(sequence));
  const ids = new Set(records.map(({ id }) => id));
  const repeats = submissions.filter(({ sequence, id }) => ids.has(id ?? toldId(user, sequence)));
  return {
    records,
    schedules,
    rejections,
    submitted: submissions.map(({ sequence }) => sequence),
    repeats: repeats.map(({ sequence }) => sequence),
    acknowledged: new Set(kept.flatMap(({ id }) => id ?? [])),
    started: startedBy(processes),
    effects: await effects.all(),
    changes: [...changes],
  };
}

async function submissionsIn(connection: NatsConnection, stream: string): Promise<readonly Submission[]> {
  const jsm = await jetstreamManager(connection, { checkAPI: false });
  const { state } = await jsm.streams.info(stream);
  const found: Submission[] = [];
  for (let seq = 1; seq <= state.last_seq; seq = (found.at(-1)?.sequence ?? state.last_seq) + 1)
    for await (const message of await jsm.direct.getBatch(stream, { seq, batch: 500 }))
      found.push({ sequence: message.seq, id: message.header.get('Job-Id') || undefined });
  return found;
}

/** The id that a master told for a submission which named none. */
function toldId({ submitted, acks }: User, sequence: number): string {
  const ack = acks.get(submitted.find((each) => each.sequence === sequence)?.ref ?? '');
  return ack !== undefined && 'id' in ack ? ack.id : '';
}

/** Attempts that workers said they started. */
function startedBy(processes: readonly YardProcess[]): string[] {
  return processes
    .flatMap(({ told }) => told)
    .filter(({ event }) => event === 'attempt.started')
    .map(({ job, attempt }) => `${String(job)}#${String(attempt)}`);
}
