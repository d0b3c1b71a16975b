/**
 * `yard audit`: proves that nothing was lost, submission by submission and record by record; `log`: who did what.
 */

import type { Command } from 'commander';
import type { AuditReport, Discrepancy, KeptAuditEntry } from '../../sdk/index.ts';
import { isJson, listed, told } from './answer.ts';
import { type Column, columns, facts } from './columns.ts';
import type { CommandContext } from './command.ts';
import { exitCodes } from './exit.ts';
import { positive } from './rejected.ts';
import type { Terminal } from './terminal.ts';
import { moment } from './words.ts';

export function register(program: Command, context: CommandContext): void {
  const command = program
    .command('audit')
    .summary('Proves that nothing was lost; tells who did what.')
    .description(
      'Reads all submissions, rejections and records and holds them against one another; exits with 1 where something does not agree.',
    )
    .action((_, command: Command) => audit(command, context));
  command
    .command('log')
    .description('Lists what people did to jobs and to the cluster, the newest first.')
    .option('--of <tenant>', 'Only what is about the jobs of this tenant.')
    .option('--limit <count>', 'At most so many.', positive, 50)
    .option('--before <place>', 'Only what came before this place.', positive)
    .action((flags: LogFlags, log: Command) => showLog(flags, log, context));
}

interface LogFlags {
  of?: string;
  limit: number;
  before?: number;
}

async function showLog({ of, ...query }: LogFlags, command: Command, context: CommandContext): Promise<void> {
  const { terminal } = context;
  const entries = await context.withYard(command, (yard) =>
    yard.auditLog({ ...query, ...(of === undefined ? {} : { tenant: of }) }),
  );
  listed(context, entries, { shape: logShape, none: 'Nobody has done anything yet.' });
  const last = entries.at(-1);
  if (entries.length === query.limit && last !== undefined)
    terminal.say(`At most ${query.limit} are shown; \`--before ${last.place}\` shows what came before.`);
}

const logShape: readonly Column<KeptAuditEntry>[] = [
  { title: 'PLACE', value: ({ place }) => String(place), align: 'right' },
  { title: 'WHEN', value: ({ at }) => moment(at) },
  { title: 'WHO', value: ({ who }) => who },
  { title: 'DOOR', value: ({ door }) => door },
  { title: 'TENANT', value: ({ tenant }) => tenant },
  { title: 'WHAT', value: ({ what }) => what },
  { title: 'TARGET', value: ({ target }) => target },
  {
    title: 'OUTCOME',
    value: ({ refused }) => (refused === undefined ? 'asked for' : `refused: ${refused}`),
    style: ({ refused }) => (refused === undefined ? 'reset' : 'yellow'),
  },
  { title: 'WITH', shrinks: true, value: ({ given }) => (given === '{}' ? '-' : given) },
];

async function audit(command: Command, context: CommandContext): Promise<void> {
  const { terminal, output } = context;
  const report = await context.withYard(command, (yard) => yard.audit());
  told(context, report, { name: String(report.agrees), text: () => page(report, terminal) });
  if (!isJson(output)) {
    for (const limit of report.limits) terminal.say(limit);
    terminal.say(verdict(report));
  }
  if (!report.agrees) context.exitWith(exitCodes.failed);
}

function verdict({ agrees, discrepancies, more }: AuditReport): string {
  if (agrees) return 'All agrees.';
  const count = discrepancies.length + more;
  const found = count === 1 ? '1 discrepancy' : `${count} discrepancies`;
  return more > 0 ? `${found}, of which ${more} are not shown.` : `${found}.`;
}

function page(report: AuditReport, terminal: Terminal): string {
  const totals = [ledger(report, terminal), records(report, terminal)].join('\n\n');
  if (report.discrepancies.length === 0) return totals;
  return `${totals}\n\n${columns(report.discrepancies, shape, terminal)}`;
}

function ledger({ submissions }: AuditReport, terminal: Terminal): string {
  const { first, last, submitted, settled, open, rejected, expired, repeats, waiting, missing } = submissions;
  return facts(
    [
      ['submitted', `${submitted}, numbered ${first} to ${last}`],
      ['  settled', String(settled)],
      ['  open', String(open)],
      ['  rejected', String(rejected)],
      ['  expired', String(expired)],
      ['  repeats', `${repeats} of jobs that were there`],
      ['  waiting', `${waiting} not taken in yet`],
      ['  missing', String(missing)],
    ],
    terminal,
  );
}

function records({ jobs, lease }: AuditReport, terminal: Terminal): string {
  return facts(
    [
      ['jobs', `${jobs.total}: ${jobs.settled} settled, ${jobs.open} open`],
      ['  submitted', `${jobs.fromSubmissions}, and ${jobs.fromOlder} whose submission is no longer kept`],
      ['  direct', `${jobs.direct} by SDK and command line`],
      ['  scheduled', `${jobs.scheduled} by schedules`],
      ['unreadable', String(jobs.unreadable)],
      ['lease', lease === null ? 'nobody leads' : `${lease.name}, term ${lease.term}`],
    ],
    terminal,
  );
}

const shape: readonly Column<Discrepancy>[] = [
  { title: 'OF', value: ({ of }) => of },
  { title: 'WHAT', value: ({ what }) => what },
  { title: 'EXPECTED', value: ({ expected }) => oneLine(expected), shrinks: true },
  { title: 'MET', value: ({ met }) => oneLine(met), shrinks: true },
  { title: 'TO DO', value: ({ advice }) => oneLine(advice), shrinks: true },
];

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}
