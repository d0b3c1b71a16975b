/** Handlers that let go of a promise, and throw where nobody can catch it, for `yard worker --handlers`. */

import { z } from 'zod';
import { defineJob } from '../../sdk/index.ts';

const payload = z.looseObject({});

export const handlers = [
  defineJob({
    type: 'stray',
    payload,
    run: () => {
      void Promise.reject(new Error('let go'));
      return 'done';
    },
  }),
  defineJob({
    type: 'throws',
    payload,
    run: async ({ signal }) => {
      setTimeout(() => {
        throw new Error('out of reach');
      }, 10);
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
  }),
  defineJob({ type: 'calm', payload, run: () => 'done' }),
];
