/**
 * `yard submit`: a job from the command line. Its flags are those things that a submitter may say anywhere.
 */

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { durationMs } from '../../cluster/settings.ts';
import { readSubmitFlags, submitFlags } from '../../cluster/submit-options.ts';
import type { JobHandle } from '../../sdk/index.ts';
import { isJson, jsonOf } from './answer.ts';
import type { CommandContext } from './command.ts';
import { UsageError } from './exit.ts';
import { ending, exitCodeFor, lineOf } from './follow.ts';
import { interruptSignal } from './interrupt.ts';

interface Flags {
  wait?: boolean;
  timeoutWait?: string;
}

export function register(program: Command, context: CommandContext): void {
  const submit = program
    .command('submit')
    .argument('<type>', 'The type of the job, such as `transcode`.')
    .argument('[payload]', 'A JSON object; `-` reads it from standard input, `@FILE` from a file.')
    .summary('Submits a job and prints its id.')
    .description('Submits a job and prints its id. It is durable then, whether or not a master runs.')
    .action((type: string, payload: string | undefined, flags: Flags) =>
      submitJob(submit, context, { type, payload, flags }),
    );
  for (const { usage, help } of submitFlags()) submit.option(usage, help);
  submit.option('--wait', 'Follows the job until it is settled; the exit code is 1 where it did not complete.');
  submit.option('--timeout-wait <duration>', 'With --wait: gives up after so long, with exit code 6.');
}

interface Wanted {
  type: string;
  payload: string | undefined;
  flags: Flags;
}

async function submitJob(command: Command, context: CommandContext, { type, payload, flags }: Wanted): Promise<void> {
  const { TRACEPARENT: traceparent, TRACESTATE: tracestate } = context.env;
  const options = readSubmitFlags({ traceparent, tracestate, ...command.opts() });
  const timeoutMs = flags.timeoutWait === undefined ? undefined : durationMs(flags.timeoutWait, '--timeout-wait');
  const given = await readPayload(payload);
  await using _ = await context.startTracing(command);
  await context.withYard(command, async (yard) => {
    const job = await yard.submit(type, given, options);
    if (job.coalesced) context.terminal.say('It is one with this job by its unique rule.');
    else if (!job.created) context.terminal.say('It had been submitted before.');
    if (flags.wait === true) await wait(job, context, timeoutMs);
    else if (isJson(context.output)) context.terminal.print(asJson(job));
    else context.terminal.print(job.id);
  });
}

function asJson({ id, created, coalesced, durability }: JobHandle): string {
  return JSON.stringify({ id, created, ...(coalesced ? { coalesced } : {}), durability });
}

/** The id at once, what happens as talk; as JSON, the settled record is the answer. */
async function wait(job: JobHandle, context: CommandContext, timeoutMs: number | undefined): Promise<void> {
  const { terminal, output } = context;
  if (!isJson(output)) terminal.print(job.id);
  const settled = job.settled({ timeoutMs, signal: interruptSignal() });
  const drawing = !isJson(output) ? draw(job, context, settled) : undefined;
  const record = await settled;
  await drawing;
  if (isJson(output)) terminal.print(jsonOf(record, output));
  else terminal.say(ending(record));
  context.exitWith(exitCodeFor(record));
}

async function draw(job: JobHandle, { terminal }: CommandContext, settled: Promise<unknown>): Promise<void> {
  const until = new AbortController();
  settled.catch(() => until.abort());
  try {
    let before: number | undefined;
    for await (const transition of job.watch({ signal: until.signal })) {
      terminal.say(lineOf(transition, before, terminal));
      before = transition.at;
    }
  } catch {
    // What went wrong is told by whoever waits for the end.
  }
}

/** @throws {UsageError} where it is no JSON. */
export async function readPayload(payload: string | undefined): Promise<unknown> {
  if (payload === undefined) return {};
  const text = await textOf(payload);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = wordsOf(cause);
    const met = text.length > 60 ? `${text.slice(0, 60)}…` : text;
    throw new UsageError(`Expected the payload to be JSON, got \`${met}\` (${why}). Quote it: '{"input":"a.mp4"}'.`);
  }
}

async function textOf(payload: string): Promise<string> {
  if (payload === '-') return await readInput();
  if (!payload.startsWith('@')) return payload;
  const path = payload.slice(1);
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`Expected a file ${path} with the payload, it cannot be read (${wordsOf(cause)}).`);
  }
}

function wordsOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

async function readInput(): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString('utf8');
}
