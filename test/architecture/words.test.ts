import { expect, test } from 'vitest';
import { fields } from '../../actors/request.ts';
import type { SubmitOptions } from '../../cluster/submit-options.ts';
import {
  isSettled as isSettledAtDoors,
  priorities as prioritiesOfDoors,
  jobStates as statesOfDoors,
} from '../../doors/job-words.ts';
import { tokenScopes as scopesOfDoors } from '../../doors/token-words.ts';
import { isSettled, jobStates } from '../../machines/job.ts';
import { priorities } from '../../machines/rules/lanes.ts';
import { tokenScopes } from '../../machines/rules/token.ts';

test('doors have the words of the chart', () => {
  expect(statesOfDoors).toEqual(jobStates);
  expect(prioritiesOfDoors).toEqual(priorities);
  expect(scopesOfDoors).toEqual(tokenScopes);
  expect(statesOfDoors.filter(isSettledAtDoors)).toEqual(jobStates.filter(isSettled));
});

test('whatever headers may say of a job, code may say by its types', () => {
  const inCode = {
    ...{ id: 1, idempotencyKey: 1, name: 1, queue: 1, priority: 1, tags: 1, limitKeys: 1 },
    ...{ unique: 1, uniqueKey: 1, uniqueWhile: 1, uniquePeriod: 1, uniqueConflict: 1 },
    ...{
      delay: 1,
      runAt: 1,
      expiresIn: 1,
      expiresAt: 1,
      maxAttempts: 1,
      backoff: 1,
      timeout: 1,
      staleAfter: 1,
      hold: 1,
    },
    ...{ gpu: 1, vram: 1, gpuVendor: 1, encoder: 1, slots: 1, memory: 1, disk: 1, version: 1, labels: 1, after: 1 },
    ...{ traceparent: 1, tracestate: 1 },
  } satisfies Record<keyof SubmitOptions, 1>;
  // `after` has these two in it, and a submission in code has its answer without a `ref`.
  const elsewhere = ['afterNeed', 'afterWhen', 'ref'];
  expect([...Object.keys(inCode), ...elsewhere].sort()).toEqual(fields.map(({ field }) => field).sort());
});
