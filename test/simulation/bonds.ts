/**
 * A bad minute among jobs that are bound to one another: what they wait for, unique keys, limit keys, workflows, room that
 * one makes for another; and people have their say in all of it.
 */

import type { WorkflowGiven, WorkflowNode } from '../../cluster/workflow-given.ts';
import { needs, whens } from '../../machines/rules/after.ts';
import { isFault } from '../../runtime/faults.ts';
import { seeded } from '../../runtime/memory/manual-clock.ts';
import { randomVerb, workflows } from './person.ts';
import { type Simulation, simulation } from './simulation.ts';
import { badMinute, type Chance, pick, randomJob, randomOdds, randomSettings } from './story.ts';

const events = 60;
const skewMs = 300;
/** Short, so that what runs is handed back now and then. */
const drainDeadlineMs = 2_000;
/** How many jobs with a limit key may run at once; of the family each by itself. */
const limits = { 'api.one': 1, 'api.two': 2, 'gpu.*': 1 } as const;
const limitKeys = ['api.one', 'api.two', 'gpu.left', 'gpu.right', 'free'];
const mayEvict = { live: ['batch', 'other'], default: ['other'] } as const;
const evictAfterMs = 1_000;

type Headers = Record<string, string>;

/** Lets a cluster live through the bad minute of a seed, and checks every promise; the cluster as it was at the end. */
export async function liveBound(seed: number): Promise<Simulation> {
  const { promise, resolve } = Promise.withResolvers<Simulation>();
  const options = { seed, odds: randomOdds(seed), settings: randomSettings(seed), skewMs, drainDeadlineMs };
  const lived = simulation({ ...options, masters: 0, workers: 0 }, async (sim) => {
    resolve(sim);
    await begin(sim);
    await badMinute(sim, events, bound(sim));
    if (seed % 5 === 0) await waitForLong(sim);
    if (seed % 5 === 1) await crowdOut(sim, seeded(seed));
  });
  await lived.catch((cause: unknown) => {
    const replay = `SIMULATION_SEED=${seed} npx vitest run test/simulation/bonds.test.ts`;
    throw new Error(`${cause instanceof Error ? cause.message : cause}\nTo see it again: ${replay}`, { cause });
  });
  return promise;
}

/** What is set is set before anybody is there, so that it holds at every moment. */
async function begin(sim: Simulation): Promise<void> {
  const { control } = sim.broker.world();
  const { bonds } = sim.history;
  for (const [limit, maxActive] of Object.entries(limits)) {
    await sim.clock.until(control.limits.change(limit, (set) => ({ ...set, maxActive })));
    bonds.limits.set(limit, maxActive);
  }
  for (const [queue, others] of Object.entries(mayEvict))
    await sim.clock.until(control.changeQueue(queue, (set) => ({ ...set, mayEvict: others })));
  for (const queue of ['batch', 'other'])
    await sim.clock.until(control.changeQueue(queue, (set) => ({ ...set, evictAfterMs })));
  bonds.evictions = { mayEvict, evictAfterMs, skewMs: 2 * skewMs };
  for (let n = 0; n < 3; n++) await sim.startMaster();
  for (let n = 0; n < 3; n++) await sim.startWorker();
}

function bound(sim: Simulation) {
  const people = workflows(sim);
  let films = 0;
  return async (_: Simulation, chance: Chance): Promise<void> => {
    const what = chance();
    if (what < 0.5 || !sim.broker.isUp) return submitBound(sim, chance);
    if (what < 0.6) return await people.submit(randomWorkflow(`film-${++films}`, chance));
    if (what < 0.65 && films > 0) return await toWhole(people, `film-${1 + Math.floor(chance() * films)}`, chance);
    for (let n = 0; n < 3; n++) await actOnOne(sim, chance);
  };
}

async function toWhole(people: ReturnType<typeof workflows>, film: string, chance: Chance): Promise<void> {
  // The broker may have lost all of it.
  await (chance() < 0.7 ? people.redrive(film) : people.cancel(film)).catch(unlessFault('workflow.missing'));
}

async function actOnOne(sim: Simulation, chance: Chance): Promise<void> {
  const act = randomVerb(sim, chance);
  if (act !== undefined) await sim.act(act.id, act.verb).catch(unlessFault('job.refused'));
}

function unlessFault(code: 'job.refused' | 'workflow.missing') {
  return (cause: unknown): void => {
    if (!isFault(cause, code)) throw cause;
  };
}

function submitBound(sim: Simulation, chance: Chance): void {
  if (chance() < 0.05) return submitCircle(sim, chance);
  const burst = chance() < 0.2 ? 20 : 4;
  for (let n = 0; n < 1 + Math.floor(chance() * burst); n++) {
    const [type, body, headers] = randomJob(chance);
    sim.submit(type, body, { ...headers, ...randomBonds(sim, chance) });
  }
}

function randomBonds(sim: Simulation, chance: Chance): Headers {
  const bonds: Headers = {};
  if (chance() < 0.3) Object.assign(bonds, randomAfter(sim, chance));
  if (chance() < 0.15) Object.assign(bonds, pick(chance, uniques));
  if (chance() < 0.2) bonds['Limit-Key'] = [pick(chance, limitKeys), pick(chance, limitKeys)].join(',');
  if (chance() < 0.1) Object.assign(bonds, pick(chance, pushy));
  return bonds;
}

/** One rule for each key. */
const uniques: readonly Headers[] = [
  { 'Unique-Key': 'alone' },
  { 'Unique-Key': 'latest', 'Unique-Conflict': 'replace' },
  { 'Unique-Key': 'joint', 'Unique-Conflict': 'coalesce' },
  { 'Unique-Key': 'next', 'Unique-While': 'waiting', 'Unique-Conflict': 'replace' },
];

/** Needs much room, and others that would be in its way. */
const pushy: readonly Headers[] = [
  { Queue: 'live', Slots: '4' },
  { Queue: 'default', Slots: '3' },
];

/** Of what came last, and of what may come next. */
function randomAfter(sim: Simulation, chance: Chance): Headers {
  const known = sim.submitted.slice(-20);
  const ids = Array.from({ length: 1 + Math.floor(chance() * 3) }, () =>
    chance() < 0.9 && known.length > 0 ? pick(chance, known) : sim.nextId(2 + Math.floor(chance() * 3)),
  );
  return { After: ids.join(','), 'After-Need': pick(chance, needs), 'After-When': pick(chance, whens) };
}

function submitCircle(sim: Simulation, chance: Chance): void {
  const [first, second] = [sim.nextId(1), sim.nextId(2)];
  sim.submit('noop', {}, { After: second });
  sim.submit('noop', {}, { After: first, ...(chance() < 0.5 ? { Delay: '1s' } : {}) });
}

function randomWorkflow(id: string, chance: Chance): WorkflowGiven {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'].slice(0, 3 + Math.floor(chance() * 4));
  const jobs = Object.fromEntries(names.map((name, at) => [name, randomNode(names.slice(0, at), chance)]));
  return { id, onFailure: chance() < 0.8 ? 'stop' : 'continue', jobs };
}

function randomNode(before: readonly string[], chance: Chance): WorkflowNode {
  const executionTimeMs = Math.floor(chance() ** 2 * 4_000);
  const node: WorkflowNode = {
    type: pick(chance, ['noop', 'sleeper', 'flaky', 'flaky', 'picky', 'always_fail']),
    options: {
      maxAttempts: 1 + Math.floor(chance() * 3),
      backoff: 'fixed(2s)',
      ...pick(chance, [{}, {}, { delay: 3_000 }, { hold: true }, { gpu: 1 }, { slots: 4 }]),
    },
  };
  const [payload] = node.type === 'noop' || node.type === 'picky' ? [{}] : [{ executionTimeMs }];
  const after = before.filter(() => chance() < 0.4);
  return {
    ...node,
    ...(chance() < 0.2 ? { each: [payload, payload] } : { payload }),
    ...(after.length === 0 ? {} : { after: { jobs: after, need: pick(chance, needs), when: 'success' } }),
  };
}

/** Some of what a job waits for has ended long ago, and it waits on. */
async function waitForLong(sim: Simulation): Promise<void> {
  sim.repair();
  const [quick, slow] = [sim.submit('noop'), sim.submit('noop', {}, { Hold: 'true' })];
  sim.submit('noop', {}, { After: `${quick},${slow}`, 'After-When': 'end' });
  await sim.advance(360_000);
}

/**
 * All places are taken for long by jobs that others may send away; then come those, and a person who cancels some of what
 * has been told to make room. Nobody is sent away while terms are short, so it is calm.
 */
async function crowdOut(sim: Simulation, chance: Chance): Promise<void> {
  sim.repair();
  await sim.advance(10_000);
  const long = () => ({ executionTimeMs: 6_000 + Math.floor(chance() * 3_000) });
  const crowd = Array.from({ length: 24 }, () =>
    sim.submit('sleeper', long(), { Queue: pick(chance, ['batch', 'other']) }),
  );
  await sim.advance(2_000);
  for (let n = 0; n < 3; n++) sim.submit('noop', {}, { Priority: 'critical', ...pick(chance, pushy) });
  for (let looks = 0; looks < 300; looks++) {
    await sim.advance(10);
    const leaving = crowd.filter((id) => sim.find(id)?.context.preemptAt !== undefined);
    for (const id of leaving)
      if (chance() < 0.3) await sim.act(id, { verb: 'cancel' }).catch(unlessFault('job.refused'));
  }
}
