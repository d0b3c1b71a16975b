/**
 * A handler that repeats the secrets of its payload wherever it can, for `yard worker --handlers`.
 */

import { z } from 'zod';
import { defineJob } from '../../sdk/index.ts';

export const leaky = defineJob({
  type: 'leaky',
  payload: z.looseObject({ dbPassword: z.string(), url: z.string() }),
  defaults: { maxAttempts: 1 },
  run: ({ payload: { dbPassword, url }, log, progress }) => {
    log(`signing in with ${dbPassword}`);
    progress({ percent: 1, message: `at ${url}` });
    throw new Error(`Expected ${url} to let ${dbPassword} in, it did not.`);
  },
});
