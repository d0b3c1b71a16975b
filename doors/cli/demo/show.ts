/**
 * The demonstration from the first line to the last: prepares, plays, checks, and tells what came of it.
 */

import { resolve } from 'node:path';
import { monotonicMs } from '../../../cluster/pace.ts';
import { Stage } from '../../../cluster/stage.ts';
import { isJson } from '../answer.ts';
import { facts } from '../columns.ts';
import type { CommandContext } from '../command.ts';
import { exitCodes } from '../exit.ts';
import { Backstage } from './backstage.ts';
import { Board } from './board.ts';
import { complaints, type Seen } from './check.ts';
import { madeMaterial, namedMaterial } from './material.ts';
import { type Plan, plan } from './plan.ts';
import { play } from './play.ts';
import { figures, remarks, table } from './report.ts';

/** What a person may say about it. */
export interface DemoFlags {
  input?: string;
  json?: true;
  keep?: true;
}

interface Outcome {
  seen: Seen;
  /** A sentence for each claim that does not hold. */
  wrong: readonly string[];
}

interface Showing {
  context: CommandContext;
  flags: DemoFlags;
  backstage: Backstage;
  /** Takes a line of talk. */
  talk(line: string): void;
}

/** Shows it all; exit code 1 where a claim does not hold. */
export async function show(flags: DemoFlags, context: CommandContext): Promise<void> {
  const startedAt = monotonicMs();
  const { terminal } = context;
  const asJson = flags.json === true || isJson(context.output);
  const talk = asJson ? terminal.say : terminal.print;
  await using backstage = await Backstage.open(context.env);
  const { seen, wrong } = await interruptible(backstage.signal, () => perform({ flags, context, backstage, talk }));
  const seconds = Math.round((monotonicMs() - startedAt) / 100) / 10;
  if (asJson) terminal.print(JSON.stringify({ jobs: figures(seen), seconds }));
  else tell(seen, seconds, context);
  for (const sentence of wrong) terminal.say(`yard: ${sentence}`);
  if (wrong.length > 0) context.exitWith(exitCodes.failed);
  if (flags.keep === true) await interruptible(backstage.signal, () => keep({ flags, context, backstage, talk }));
}

/** Whatever breaks because a person stopped it is told as that. */
async function interruptible<Result>(signal: AbortSignal, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
}

async function perform(showing: Showing): Promise<Outcome> {
  const { flags, context, backstage, talk } = showing;
  const stage = new Stage({ ffmpeg: backstage.env['YARD_FFMPEG'] });
  const material =
    flags.input === undefined
      ? await madeMaterial(stage, backstage.media)
      : await namedMaterial(stage, resolve(context.directory, flags.input), backstage.media);
  const planned = plan(material);
  const board = new Board({ terminal: context.terminal, jobs: planned.jobs, live: isLive(showing, planned), talk });
  board.note(`A broker and a master start, in ${backstage.folder}.`);
  const cluster = await backstage.start({ input: material.clip.input, say: (sentence) => board.note(sentence) });
  await using yard = await backstage.connect(cluster);
  const seen = await play({ cluster, yard, stage, board, plan: planned, signal: backstage.signal });
  board.close();
  return { seen, wrong: await complaints(seen, { stage, folder: backstage.media }) };
}

/** Rows are drawn anew where a person looks and all of them fit. */
function isLive({ flags, context }: Showing, { jobs }: Plan): boolean {
  if (flags.json === true || isJson(context.output)) return false;
  return context.terminal.isInteractive && process.stdout.rows > jobs.length + 1;
}

function tell(seen: Seen, seconds: number, { terminal }: CommandContext): void {
  terminal.print(`\n${table(seen, terminal)}\n`);
  for (const remark of remarks(seen)) terminal.print(remark);
  terminal.print(`${seen.records.size} jobs in ${seconds} s.`);
}

async function keep({ backstage, context, talk }: Showing): Promise<void> {
  const { url, httpUrls = [] } = await backstage.keep();
  const data = `--data ${backstage.data}`;
  const pairs: [string, string][] = [
    ['broker', url],
    ...httpUrls.map((http): [string, string] => ['console', `${http}/console/`]),
    ['files', backstage.media],
    ['look', `yard job list ${data}`],
    ['stop', `yard down ${data} && rm -r ${backstage.folder}`],
  ];
  talk(`\nThe cluster is left running, with its jobs.\n${facts(pairs, context.terminal).replaceAll(/^/gm, '  ')}`);
}
