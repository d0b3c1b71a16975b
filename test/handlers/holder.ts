/**
 * A worker in small, to be killed by a test: runs the command that it is given as the handlers run theirs.
 */

import { runChild } from '../../handlers/process/child.ts';
import { SystemClock } from '../../runtime/clock.ts';

const [command = 'true', ...args] = process.argv.slice(2);
await runChild({ clock: new SystemClock(), command, args });
