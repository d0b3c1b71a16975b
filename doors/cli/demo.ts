/**
 * `yard demo`: the whole house in a minute, on free ports and in a folder of its own, and every claim checked.
 */

import type { Register } from './command.ts';
import type { DemoFlags } from './demo/show.ts';

export const register: Register = (program, context) => {
  const demo = program
    .command('demo')
    .summary('Shows a whole cluster at work.')
    .description(
      'Shows a whole cluster at work: transcodes over all queues, retries, a job that waits for a GPU, a killed worker. Every claim is checked; the exit code is 1 where one does not hold.',
    )
    .option('--input <file>', 'A video to transcode, instead of a clip that is made.')
    .option('--json', 'Prints one JSON object and nothing else on standard output.')
    .option('--keep', 'Leaves the cluster running, and says how to reach and stop it.');
  demo.action(async (flags: DemoFlags) => {
    const { show } = await import('./demo/show.ts');
    await show(flags, context);
  });
};
