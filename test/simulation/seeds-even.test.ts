/** Seeds with even numbers; see `seeds.ts`. */

import { testSeeds } from './seeds.ts';

testSeeds('even');
