import { expect, test } from 'vitest';
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
