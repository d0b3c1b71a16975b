/**
 * `yard schedule add | list | get | edit | pause | resume | delete | run | preview | history`: jobs that recur.
 */

import type { Command } from 'commander';
import { scheduledFlags } from '../../cluster/schedule-given.ts';
import { readSubmitFlags, submitTexts } from '../../cluster/submit-options.ts';
import type { ScheduleChange, ScheduleRecord, When, Yard } from '../../sdk/index.ts';
import { isJson, jsonOf, listed, told } from './answer.ts';
import { columns } from './columns.ts';
import type { CommandContext } from './command.ts';
import { MissingError } from './exit.ts';
import { positive } from './rejected.ts';
import { describeSchedule, firingShape, momentShape, scheduleShape, whenText } from './schedule-page.ts';
import { readPayload } from './submit.ts';
import { watchable } from './watchable.ts';
import { relative } from './words.ts';

interface Flags extends When {
  misfire?: 'skip' | 'once' | 'all';
  window?: string;
  overlap?: 'allow' | 'skip' | 'replace';
  until?: string;
  type?: string;
  payload?: string;
}

export function register(program: Command, context: CommandContext): void {
  const schedule = program.command('schedule').description('Makes jobs recur, and looks at what became of them.');
  registerAdd(schedule, context);
  registerEdit(schedule, context);
  for (const list of [schedule.command('list'), program.command('schedules')])
    watchable(list.description('Lists schedules, by name.'), context, showList);
  schedule
    .command('get')
    .alias('describe')
    .argument('<name>')
    .description('Shows all there is to know of a schedule.')
    .action((name: string, _, command: Command) => get(command, context, name));
  registerVerb(schedule, context, { verb: 'pause', done: 'is paused', help: 'Lets its moments pass.' });
  registerVerb(schedule, context, { verb: 'resume', done: 'is active', help: 'Lets it fire again, from now on.' });
  registerVerb(schedule, context, { verb: 'delete', done: 'is deleted', help: 'Deletes a schedule; its jobs stay.' });
  schedule
    .command('run')
    .argument('<name>')
    .description('Makes the job of a schedule now, beside its moments, and prints its id.')
    .action((name: string, _, command: Command) => runNow(command, context, name));
  registerPreview(schedule, context);
  schedule
    .command('history')
    .argument('<name>')
    .description('Shows what became of the last moments of a schedule, the newest first.')
    .action((name: string, _, command: Command) => history(command, context, name));
}

function addWhen(command: Command): Command {
  return command
    .option('--cron <expression>', 'Fires by a cron expression of 5 fields, or 6 with seconds first.')
    .option('--tz <zone>', 'The time zone of --cron, such as `Europe/Berlin`; UTC unless given.')
    .option('--every <duration>', 'Fires at an interval instead, such as `30s`.')
    .option('--anchor <moment>', 'With --every: the moment that intervals are counted from; now unless given.');
}

/** The flags of a schedule, and those of its jobs: all that a submitter may say of more than one. */
function addFlags(command: Command): void {
  addWhen(command)
    .option('--misfire <policy>', 'What was missed: `skip`, `once` for one firing in place of all, or `all`.')
    .option('--window <duration>', 'What was missed longer ago is not made up for; 1h unless given.')
    .option('--overlap <policy>', 'While its last job is open: `allow`, `skip`, or `replace`, which cancels that one.')
    .option('--until <moment>', 'Does not fire after this moment; `none` takes it back.');
  for (const { usage, help } of scheduledFlags()) command.option(usage, help);
}

function registerAdd(schedule: Command, context: CommandContext): void {
  const add = schedule
    .command('add')
    .argument('<name>', 'A letter and up to 39 letters, digits, `_` and `-`.')
    .argument('<type>', 'The type of its jobs.')
    .argument('[payload]', 'A JSON object; `-` reads it from standard input.')
    .summary('Adds a schedule.')
    .description('Adds a schedule; it lasts then, whether or not a master runs. The same again changes nothing.')
    .action(async (name: string, type: string, payload: string | undefined, flags: Flags, command: Command) => {
      const given = { ...changeOf(command, flags), type, payload: await readPayload(payload) };
      const added = await context.withYard(command, (yard) => yard.schedules.add(name, given).then(atNow(yard)));
      if (!added.created) context.terminal.say('It was there already.');
      show(context, added.schedule, added.now);
    });
  addFlags(add);
}

function registerEdit(schedule: Command, context: CommandContext): void {
  const edit = schedule
    .command('edit')
    .argument('<name>')
    .summary('Changes a schedule.')
    .description('Changes what is named and leaves the rest. Another time counts from now.')
    .option('--type <type>', 'The type of its jobs.')
    .option('--payload <json>', 'The payload of its jobs; `-` reads it from standard input.')
    .action(async (name: string, flags: Flags, command: Command) => {
      const { type, payload } = flags;
      const change: ScheduleChange = {
        ...changeOf(command, flags),
        ...(type === undefined ? {} : { type }),
        ...(payload === undefined ? {} : { payload: await readPayload(payload) }),
      };
      const edited = await context.withYard(command, async (yard) =>
        atNow(yard)({ schedule: await yard.schedules.edit(name, change) }),
      );
      show(context, edited.schedule, edited.now);
    });
  addFlags(edit);
}

/** What flags say of a schedule and of its jobs; both are read once here, so that a wrong one is told at once. */
function changeOf(command: Command, flags: Flags): Omit<ScheduleChange, 'type'> {
  const { cron, tz, every, anchor, misfire, window, overlap, until } = flags;
  const all: Readonly<Record<string, unknown>> = command.opts();
  readSubmitFlags(all);
  const options = submitTexts(all);
  return { cron, tz, every, anchor, misfire, window, overlap, until, options };
}

function atNow(yard: Yard) {
  return <What extends object>(what: What) => ({ ...what, now: yard.now() });
}

function show(shown: CommandContext, schedule: ScheduleRecord, now: number): void {
  const { name, state, context, plan } = schedule;
  const next = context.nextAt === undefined ? '' : `; next ${relative(context.nextAt, now)}`;
  told(shown, schedule, { name, text: () => `Schedule ${name} is ${state}, ${whenText(plan)}${next}.` });
}

function registerVerb(
  schedule: Command,
  context: CommandContext,
  { verb, done, help }: { verb: 'pause' | 'resume' | 'delete'; done: string; help: string },
): void {
  schedule
    .command(verb)
    .argument('<name>')
    .description(help)
    .action(async (name: string, _, command: Command) => {
      const changed = await context.withYard(command, (yard) => yard.schedules[verb](name));
      told(context, changed, { name: name, text: () => `Schedule ${name} ${done}.` });
    });
}

async function showList(command: Command, context: CommandContext): Promise<void> {
  const { schedules, now } = await context.withYard(command, async (yard) =>
    atNow(yard)({ schedules: await yard.schedules.list() }),
  );
  listed(context, schedules, { shape: scheduleShape(now), none: 'No schedules. Add one with `yard schedule add`.' });
}

async function get(command: Command, context: CommandContext, name: string): Promise<void> {
  const { schedule, now } = await context.withYard(command, async (yard) =>
    atNow(yard)({ schedule: await yard.schedules.get(name) }),
  );
  if (schedule === undefined)
    throw new MissingError(`Expected a schedule ${name}, found none. See \`yard schedule list\`.`);
  const text = () => describeSchedule(schedule, { now, terminal: context.terminal });
  told(context, schedule, { name, text });
}

async function runNow(command: Command, context: CommandContext, name: string): Promise<void> {
  const job = await context.withYard(command, (yard) => yard.schedules.run(name));
  told(context, job, { name: job.id, text: () => job.id });
}

function registerPreview(schedule: Command, context: CommandContext): void {
  const preview = schedule
    .command('preview')
    .argument('[name]', 'A schedule; or say with flags what could be one.')
    .option('-n, --count <count>', 'So many moments.', positive, 5)
    .description('Tells when a schedule fires next, or when one would.')
    .action(async (name: string | undefined, flags: When & { count: number }, command: Command) => {
      const { count, cron, tz, every, anchor } = flags;
      const { moments, plan, now } = await context.withYard(command, async (yard) => ({
        moments: await yard.schedules.preview(name ?? { cron, tz, every, anchor }, count),
        plan: name === undefined ? undefined : (await yard.schedules.get(name))?.plan,
        now: yard.now(),
      }));
      const { terminal, output } = context;
      if (isJson(output))
        terminal.print(
          jsonOf(
            moments.map((at) => new Date(at).toISOString()),
            output,
          ),
        );
      else
        terminal.print(columns(moments, momentShape({ zone: plan?.kind === 'cron' ? plan.zone : tz, now }), terminal));
    });
  addWhen(preview);
}

async function history(command: Command, context: CommandContext, name: string): Promise<void> {
  const { firings, now } = await context.withYard(command, async (yard) =>
    atNow(yard)({ firings: await yard.schedules.history(name) }),
  );
  const newest = firings.toReversed();
  listed(context, newest, { shape: firingShape(now), none: 'None of its moments has come yet.' });
}
