/** A service without handlers in which something goes astray, run as a process. */

import { serve } from '../../doors/cli/serve.ts';
import { processTerminal } from '../../doors/cli/terminal.ts';

const start = async () => {
  void Promise.reject(new Error('a bug'));
  return async () => console.log('stopped in order');
};
const astray = (_what: string, error: string) => console.log(`told: ${error.split('\n')[0]}`);
await serve({ start, patience: 1, withinMs: 1_000, astray }, processTerminal());
