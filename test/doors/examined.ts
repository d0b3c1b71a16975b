/** What `yard doctor` says, asked in this process: the same findings and checks, without the start of a command. */

import { locate } from '../../cluster/locate.ts';
import { readSettings } from '../../cluster/settings.ts';
import { version } from '../../cluster/version.ts';
import type { Result } from '../../doors/cli/doctor/check.ts';
import { checks, examine } from '../../doors/cli/doctor/examine.ts';
import { look } from '../../doors/cli/doctor/findings.ts';
import { connect } from '../../sdk/index.ts';

/** Where to look: addresses of brokers, and options by their names in the environment. */
export interface Patient {
  nats: string;
  directory: string;
  env?: Readonly<Record<string, string>>;
}

/** Every check by its name. */
export async function examined({ nats, directory, env = {} }: Patient): Promise<ReadonlyMap<string, Result>> {
  const whole = { XDG_CONFIG_HOME: directory, YARD_NATS: nats, ...env };
  const options = async () => locate(readSettings({ flags: {}, env: whole, directory }, 'master'), directory);
  const found = await look({
    version,
    options,
    directory,
    http: () => undefined,
    open: () => connect({ servers: nats }),
  });
  return new Map(examine(found, checks).map((result) => [result.name, result]));
}
