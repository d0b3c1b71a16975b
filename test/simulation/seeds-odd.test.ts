/** Seeds with odd numbers; see `seeds.ts`. */

import { testSeeds } from './seeds.ts';

testSeeds('odd');
