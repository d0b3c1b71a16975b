/**
 * The story of the demonstration: jobs are published while no worker is there, two workers come, one of them is
 * killed in the middle of a transcode, and a worker with a GPU joins when all else is done.
 */

import type { Stage } from '../../../cluster/stage.ts';
import type { Cluster } from '../../../cluster/up.ts';
import type { JobEventMessage, JobRecord, Stop, Why, Yard } from '../../../sdk/index.ts';
import { idIn } from '../../job-words.ts';
import { Badges } from './badges.ts';
import type { Board } from './board.ts';
import type { Killed, Seen } from './check.ts';
import { asNatsPub, headersOf, type Plan } from './plan.ts';

export interface Scene {
  cluster: Cluster;
  yard: Yard;
  stage: Stage;
  board: Board;
  plan: Plan;
  /** Fires where a person has had enough. */
  signal: AbortSignal;
}

/** The victim is caught between these. */
const killFromPercent = 10;
const killToPercent = 90;
const longestMs = 180_000;
/** On a machine that has a GPU, nothing would have to wait for one. */
const plain = { advertise: 'gpu=0,vram=0' };

/** Plays it; resolves with what was seen once every job is settled. */
export async function play(scene: Scene): Promise<Seen> {
  const { cluster, yard, board, plan } = scene;
  const badges = new Badges(yard);
  const stops = await watch(scene, badges);
  try {
    await publish(scene);
    const kill = killInTheMiddle(scene, badges);
    kill.catch(() => undefined);
    board.note('Two workers join, with one slot each.');
    await Promise.all([cluster.add('worker', plain), cluster.add('worker', plain)]);
    const why = await tellWhy(scene);
    await Promise.all(plan.jobs.map(({ id }) => (id === plan.gpu ? undefined : settled(scene, id))));
    board.note('All else is done. A worker joins that declares a GPU with 8000 MiB.');
    const { name: gpuWorker } = await cluster.add('worker', { advertise: 'gpu=1,vram=8000', types: ['noop'] });
    await settled(scene, plan.gpu);
    const records = await recordsOf(scene);
    for (const record of records.values()) for (const { worker } of record.attempts) await badges.find(worker);
    return { plan, records, killed: await kill, why, gpuWorker, workerName: (incarnation) => badges.name(incarnation) };
  } finally {
    for (const stop of stops) await stop();
  }
}

async function watch({ yard, board }: Scene, badges: Badges): Promise<readonly Stop[]> {
  const moved = ({ key, transition }: JobEventMessage) => {
    const id = idIn(key);
    board.moved(id, transition);
    if (transition.to === 'assigned') void tellWorker(id).catch(() => undefined);
  };
  const tellWorker = async (id: string) => {
    const worker = (await yard.job(id))?.attempts.at(-1)?.worker;
    if (worker !== undefined) board.runsOn(id, await badges.find(worker));
  };
  return [await yard.onTransition(moved), await yard.onProgress((id, progress) => board.progressed(id, progress))];
}

/** As anybody would, with nothing but a NATS client; the least urgent first. */
async function publish({ cluster, stage, board, plan }: Scene): Promise<void> {
  const [first] = plan.jobs;
  board.note(`${plan.jobs.length} jobs are published while no worker is there, the least urgent first:`);
  if (first !== undefined) board.note(`  ${asNatsPub(first, cluster.prefix)}`);
  const submissions = plan.jobs.map((job) => ({
    type: job.type,
    ref: `demo-${job.id}`,
    headers: headersOf(job),
    payload: job.payload,
  }));
  await stage.publish(submissions, cluster);
}

/** Kills the worker of the victim with SIGKILL while its ffmpeg runs; `undefined` where it was too quick for us. */
async function killInTheMiddle(
  { cluster, yard, board, plan, signal }: Scene,
  badges: Badges,
): Promise<Killed | undefined> {
  const caught = Promise.withResolvers<number | undefined>();
  const stop = await yard.onProgress(
    (_, { percent = 0 }) => void (percent >= killFromPercent && percent < killToPercent && caught.resolve(percent)),
    { id: plan.victim },
  );
  yard.settled(plan.victim, { signal }).then(() => caught.resolve(undefined), caught.reject);
  const percent = await caught.promise;
  await stop();
  const held = (await yard.job(plan.victim))?.attempts.at(-1)?.worker;
  if (percent === undefined || held === undefined) return undefined;
  const worker = await badges.find(held);
  const pid = cluster.members.find(({ name }) => name === worker)?.pid;
  await cluster.kill(worker);
  board.note(`${worker} (process ${pid}) was killed with SIGKILL, ${Math.round(percent)} % into ${plan.victim}.`);
  return { worker, at: yard.now() };
}

async function tellWhy({ yard, board, plan }: Scene): Promise<Why | undefined> {
  const why = await yard.why(plan.gpu);
  if (why !== undefined) board.remark(plan.gpu, why.sentence);
  return why;
}

function settled({ yard, signal }: Scene, id: string): Promise<JobRecord> {
  return yard.settled(id, { signal, timeoutMs: longestMs });
}

async function recordsOf({ yard, plan }: Scene): Promise<ReadonlyMap<string, JobRecord>> {
  const records = new Map<string, JobRecord>();
  for (const { id } of plan.jobs) {
    const record = await yard.job(id);
    if (record !== undefined) records.set(id, record);
  }
  return records;
}
