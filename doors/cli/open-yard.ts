/**
 * A command's connection to its cluster. It logs nothing unless asked, and says when the broker is away.
 */

import { processAuthor } from '../../cluster/audited.ts';
import { Client } from '../../cluster/client.ts';
import { locate } from '../../cluster/locate.ts';
import { loggedTelemetry } from '../../cluster/process-log.ts';
import type { Options } from '../../cluster/settings.ts';
import { Yard } from '../../sdk/index.ts';
import type { Terminal } from './terminal.ts';

/** @throws {Fault} `broker.unreachable`, `broker.unauthorized`, … */
export async function openYard(
  options: Options,
  { directory, terminal }: { directory: string; terminal: Terminal },
): Promise<Yard> {
  const telemetry = loggedTelemetry({ options, role: 'client', level: 'silent' });
  telemetry.on('broker.disconnected', () => terminal.say('The broker is away; waiting for it.'));
  telemetry.on('process.failed', ({ error }) => terminal.say(`The broker refuses it: ${error}.`));
  telemetry.on('broker.reconnected', () => terminal.say('The broker is back.'));
  const by = processAuthor('cli');
  return new Yard(
    await Client.open({ options: await locate(options, directory), telemetry, role: 'yard command', by }),
  );
}
