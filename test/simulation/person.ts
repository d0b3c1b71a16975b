/** What people do beside submitting: workflows as a whole, and verbs on single jobs. */

import { statesFor, type Verb } from '../../actors/verb.ts';
import { doorQuotas } from '../../cluster/door-quota.ts';
import { Submitter } from '../../cluster/submitter.ts';
import type { WorkflowGiven } from '../../cluster/workflow-given.ts';
import { WorkflowVerbs } from '../../cluster/workflow-verb.ts';
// What is imported when first needed comes in time that no clock here moves.
import '../../handlers/shipped.ts';
import { priorities } from '../../machines/rules/lanes.ts';
import type { Simulation } from './simulation.ts';
import { type Chance, pick } from './story.ts';

/** What a person does with workflows, beside the cluster. */
export function workflows(sim: Simulation) {
  const given = { ...sim.client(), tenant: 'default' };
  const quotas = doorQuotas(given);
  const submitter = new Submitter({ ...given, quotas, incarnation: 'client' });
  const verbs = new WorkflowVerbs({ ...given, quotas, submitter });
  return {
    submit: async (workflow: WorkflowGiven): Promise<void> => {
      sim.submitted.push(...(await sim.clock.until(verbs.submit(workflow))).jobs);
    },
    get: (id: string) => sim.clock.until(verbs.get(id)),
    cancel: (id: string) => sim.clock.until(verbs.cancel(id)),
    redrive: (id: string) => sim.clock.until(verbs.redrive(id)),
  };
}

const words = ['cancel', 'hold', 'release', 'retry', 'redrive', 'move', 'prioritise', 'reschedule'] as const;

/** A verb, and a job that is in a state for it; `undefined` where there is none. */
export function randomVerb(sim: Simulation, chance: Chance): { id: string; verb: Verb } | undefined {
  const word = pick(chance, words);
  const states = statesFor({ verb: word });
  const fitting = sim.history.jobs().filter(({ state }) => states.includes(state));
  // One that is about to make room is cancelled for choice: there is little time for it.
  const leaving = fitting.filter(({ context }) => word === 'cancel' && context.preemptAt !== undefined);
  const from = leaving.length > 0 ? leaving : fitting;
  if (from.length === 0) return undefined;
  return { id: pick(chance, from).id, verb: verbOf(word, sim, chance) };
}

function verbOf(word: (typeof words)[number], sim: Simulation, chance: Chance): Verb {
  switch (word) {
    case 'cancel':
    case 'hold':
      return { verb: word, reason: 'a test' };
    case 'move':
      return { verb: word, queue: pick(chance, ['live', 'default', 'batch', 'other']) };
    case 'prioritise':
      return { verb: word, priority: pick(chance, priorities) };
    case 'reschedule':
      return { verb: word, dueAt: sim.clock.now() + Math.floor(chance() * 5_000) };
    default:
      return { verb: word };
  }
}
