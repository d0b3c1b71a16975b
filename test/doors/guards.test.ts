/** What the pages say of the guards of a job's machine, held against the machine. */

import { expect, test } from 'vitest';
import { statesFor } from '../../actors/verb.ts';
import { guardWords } from '../../doors/web/drawing/guards.ts';
import { planOf } from '../../doors/web/drawing/wire.ts';
import { jobWords } from '../../doors/web/drawing/words.ts';
import { nextOf } from '../../doors/web/src/job/ways-on.ts';
import { type JobContext, jobMachine, jobStates } from '../../machines/job.ts';
import { edgesOf } from '../../runtime/chart.ts';
import { step } from '../../runtime/step.ts';
import { plainJob } from '../actors/stage.ts';

const { states, wires } = planOf(jobMachine);
const drawing = {
  boxes: states.map((state) => ({ ...state, x: 0, y: 0, width: 0, height: 0 })),
  wires: wires.map((wire) => ({ ...wire, points: [] })),
};

const contexts: readonly Partial<JobContext>[] = [
  {},
  { held: true },
  { blockedBy: ['other'] },
  { dueAt: 5 },
  { cancelAt: 5 },
  { preemptAt: 5 },
  { losses: 2, maxLosses: 3 },
  { spent: 4, maxAttempts: 4 },
];

test('every guard of the machine has its sentences, and there are no others', () => {
  const named = new Set(edgesOf(jobMachine).flatMap(({ guard }) => (guard === '' ? [] : [guard])));
  expect(Object.keys(guardWords).sort()).toEqual([...named].sort());
});

test('a guard lets pass by the sentences where it does in the machine', () => {
  const { context } = plainJob('j1');
  for (const change of contexts) {
    const given = { ...context, ...change };
    for (const [name, guard] of Object.entries(jobMachine.implementations.guards)) {
      if (typeof guard !== 'function') continue;
      const event = {
        type: 'attempt.failed',
        at: 1,
        attempt: 1,
        spread: 0,
        error: { kind: 'error', message: 'no' },
      } as const;
      const lets = guard({ context: given, event }, undefined);
      expect([name, change, guardWords[name]?.holds?.(given)]).toEqual([name, change, lets]);
    }
  }
});

test('what a page says can be done is what is done, in every state', () => {
  for (const state of jobStates)
    for (const change of contexts) {
      const plain = plainJob('j1');
      const job = { ...plain, state, context: { ...plain.context, ...change } };
      for (const verb of ['cancel', 'hold', 'release', 'retry', 'redrive'] as const) {
        const moved = step(job, { type: `job.${verb}`, at: 1 });
        const said = nextOf(drawing, job).filter(
          ({ event, forbidden }) => event === `job.${verb}` && forbidden === undefined,
        );
        expect([state, change, verb, said.length > 0]).toEqual([state, change, verb, moved.moved]);
        if (moved.moved && said[0]?.to !== '')
          expect([state, change, said[0]?.to]).toEqual([state, change, moved.record.state]);
      }
    }
});

test('the verbs of the pages are those of the actors', () => {
  const { verbs } = jobWords();
  for (const verb of ['cancel', 'hold', 'release', 'retry', 'redrive', 'move', 'prioritise', 'reschedule'] as const)
    expect([verb, verbs[verb]]).toEqual([verb, statesFor({ verb })]);
});
