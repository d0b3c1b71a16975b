/**
 * Where nobody asks for more, the same things are tried each time, so that a change is what makes a test fail. `npm run test:fuzz`
 * draws anew.
 */

import fc from 'fast-check';

if (process.env['FUZZ_RUNS'] === undefined) fc.configureGlobal({ seed: 20_261_126 });
