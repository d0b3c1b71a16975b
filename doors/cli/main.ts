/**
 * The command `yard`: what all commands share, and each of them.
 *
 * Data goes to standard output, talk to standard error, and the exit code says what became of it (`exit.ts`). What
 * does the work is imported by the command that needs it, so that help and mistakes are answered at once.
 */

import { Command, Option } from 'commander';
import { commonFlags, readSettings } from '../../cluster/settings.ts';
import { startTracing } from '../../cluster/tracing.ts';
import { version } from '../../cluster/version.ts';
import { register as audit } from './audit.ts';
import { register as auth } from './auth.ts';
import { register as backup } from './backup.ts';
import { register as bridge } from './bridge.ts';
import { register as broker } from './broker.ts';
import { register as bulk } from './bulk.ts';
import { addFlags, type CommandContext, outputs, type Register } from './command.ts';
import { complete, register as completion, isCompletion } from './completion.ts';
import { register as config } from './config.ts';
import { register as context } from './context.ts';
import { register as dead } from './dead.ts';
import { register as demo } from './demo.ts';
import { register as doctor } from './doctor.ts';
import { type ExitCode, exitCodes } from './exit.ts';
import { register as file } from './file.ts';
import { register as job } from './job.ts';
import { register as limit } from './limit.ts';
import { register as load } from './load.ts';
import { register as machine } from './machine.ts';
import { register as master } from './master.ts';
import { register as queue } from './queue.ts';
import { register as rejected } from './rejected.ts';
import { register as scale } from './scale.ts';
import { register as schedule } from './schedule.ts';
import { register as status } from './status.ts';
import { register as submit } from './submit.ts';
import { register as tenant } from './tenant.ts';
import { processTerminal, type Terminal } from './terminal.ts';
import { register as token } from './token.ts';
import { register as top } from './top.ts';
import { tell } from './trouble.ts';
import { register as type } from './type.ts';
import { register as up } from './up.ts';
import { register as webhook } from './webhook.ts';
import { register as worker } from './worker.ts';
import { register as workflow } from './workflow.ts';

const commands: readonly Register[] = [
  up,
  demo,
  submit,
  status,
  top,
  doctor,
  job,
  file,
  queue,
  limit,
  tenant,
  token,
  webhook,
  auth,
  schedule,
  workflow,
  worker,
  master,
  type,
  machine,
  broker,
  bridge,
  scale,
  load,
  bulk,
  dead,
  rejected,
  audit,
  backup,
  context,
  config,
];

const lastGroup = 'Here:';

/** How help has them; a command that stands in none is of the last group. */
const groups: Readonly<Record<string, readonly string[]>> = {
  'Run a cluster:': ['up', 'down', 'demo', 'master', 'worker', 'broker', 'bridge'],
  'Jobs:': ['submit', 'job', 'jobs', 'file', 'workflow', 'schedule', 'schedules', 'bulk', 'dead', 'rejected', 'load'],
  'See how it stands:': ['status', 'top', 'doctor', 'nodes', 'type', 'machine', 'scale', 'audit'],
  'Say how it shall be:': ['queue', 'limit', 'tenant', 'token', 'webhook', 'auth'],
  'Keep it:': ['backup', 'restore'],
  [lastGroup]: ['context', 'config'],
};

/** Runs the command in `argv` (without node and script); resolves with what the process should end with. */
export async function run(argv: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  let exitCode: ExitCode = exitCodes.ok;
  const { program, asked } = commandTree(terminal, (code) => {
    exitCode = code;
  });
  let command: Command | undefined;
  program.hook('preAction', (_, running) => {
    command = running;
  });
  if (isVersion(argv)) {
    terminal.print(version);
    return exitCode;
  }
  try {
    if (isCompletion(argv)) await complete(program, asked.env);
    else completion(program);
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    return tell(thrown, { terminal, isDebugging: program.opts()['logLevel'] === 'debug', command });
  }
}

/** The command with all of its own, and what they are handed. */
export function commandTree(
  terminal: Terminal,
  exitWith: (code: ExitCode) => void,
): { program: Command; asked: CommandContext } {
  const program = newProgram(terminal);
  const asked = contextOf(program, terminal, exitWith);
  for (const register of commands) register(program, asked);
  for (const [group, names] of Object.entries(groups))
    for (const command of program.commands) if (names.includes(command.name())) command.helpGroup(group);
  return { program, asked };
}

/** Of the command itself; behind another word `--version` is what a job asks of its handler. */
function isVersion([first]: readonly string[]): boolean {
  return first === '--version' || first === '-V';
}

function newProgram(terminal: Terminal): Command {
  const program = new Command('yard')
    .description('Runs many jobs on many machines, with NATS as the only server.')
    .helpOption('-h, --help', 'Tells what a command takes.')
    .commandsGroup(lastGroup)
    .helpCommand('help [command]', 'Tells what a command takes.')
    .addHelpText('after', '\n`yard --version` tells the version.')
    .exitOverride()
    .configureOutput({ writeErr: (text) => terminal.say(text.trimEnd()), outputError: () => {} })
    .addOption(new Option('-o, --output <form>', 'How answers are written.').choices(outputs).default('table'));
  program.optionsGroup('Where the cluster is, and who asks:');
  return addFlags(program, commonFlags());
}

function contextOf(program: Command, terminal: Terminal, exitWith: (code: ExitCode) => void): CommandContext {
  const { env } = process;
  const directory = process.cwd();
  const context: CommandContext = {
    terminal,
    env,
    directory,
    get output() {
      const said = program.opts()['output'];
      return outputs.find((form) => form === said) ?? 'table';
    },
    settings: (command, scope) => readSettings({ flags: command.optsWithGlobals(), env, directory }, scope),
    connect: async (command) => {
      const { openYard } = await import('./open-yard.ts');
      return openYard(context.settings(command, 'client'), { directory, terminal });
    },
    withYard: async (command, what) => {
      const yard = await context.connect(command);
      try {
        return await what(yard);
      } finally {
        await yard.close();
      }
    },
    startTracing: async (command) => {
      const { traceRate: perSecond, name = `${process.pid}` } = context.settings(command, 'client');
      const onTrouble = (sentence: string) => terminal.say(`Traces: ${sentence}`);
      return startTracing({ env, role: 'client', name, perSecond, onTrouble });
    },
    exitWith,
  };
  return context;
}
