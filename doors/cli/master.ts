/**
 * `yard master`: a master in this process until it is told to stop.
 */

import type { Command } from 'commander';
import { ownFlags } from '../../cluster/settings.ts';
import { addFlags, type CommandContext } from './command.ts';
import { serve } from './serve.ts';

const stopsWithinMs = 8_000;

export function register(program: Command, context: CommandContext): void {
  const master = program
    .command('master')
    .summary('Runs a master in this process.')
    .description('Runs a master in this process. Of several, one leads and the others stand by.')
    .action(() => runMaster(master, context));
  addFlags(master, ownFlags('master'));
}

/** The first interrupt gives the lease back and stops; the second one ends the process as it is. */
async function runMaster(command: Command, context: CommandContext): Promise<void> {
  const [{ locate }, { loggedTelemetry }, { startMaster }] = await Promise.all([
    import('../../cluster/locate.ts'),
    import('../../cluster/process-log.ts'),
    import('../../cluster/master.ts'),
  ]);
  const options = await locate(context.settings(command, 'master'), context.directory);
  const start = async () => {
    const running = await startMaster({ options, telemetry: loggedTelemetry({ options, role: 'master' }) });
    return () => running.stop();
  };
  await serve({ start, patience: 1, withinMs: stopsWithinMs }, context.terminal);
}
