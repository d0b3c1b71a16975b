/**
 * A bulk operation as a person sees it: started and followed to its end, or left to the masters (`--detach`).
 *
 * Ctrl-C aborts an operation that this command started, since that is what it stands for; the operation of somebody
 * else it only stops to follow.
 */

import { hasEnded, leftOf, refusedOf } from '../../cluster/bulk.ts';
import { rest } from '../../cluster/pace.ts';
import type { BulkGiven, BulkRecord, Yard } from '../../sdk/index.ts';
import { isJson, jsonOf } from './answer.ts';
import type { CommandContext } from './command.ts';
import { exitCodes } from './exit.ts';
import { interruptSignal } from './interrupt.ts';
import type { Terminal } from './terminal.ts';

export interface StartFlags {
  dryRun?: boolean | undefined;
  detach?: boolean | undefined;
}

const aloneForMs = 3_000;
const tellEveryMs = 1_000;

/** Counts, starts, or starts and follows it; tells what became of it, and says so by the exit code. */
export async function carryOut(
  yard: Yard,
  given: BulkGiven,
  { dryRun = false, detach = false }: StartFlags,
  context: CommandContext,
): Promise<void> {
  const { terminal, output } = context;
  if (dryRun) return tellCount(await yard.bulk.count(given), given, context);
  const started = await yard.bulk.start(given);
  if (!detach) return await followOwn(yard, started, context);
  terminal.print(isJson(output) ? jsonOf(started, output) : started.id);
  if (!isJson(output)) terminal.say(`A master carries it out. See \`yard bulk follow ${started.id}\`.`);
}

function tellCount(matched: number, { verb }: BulkGiven, { terminal, output }: CommandContext): void {
  if (isJson(output)) terminal.print(jsonOf({ matched, done: 0, refused: {} }, output));
  else terminal.print(`${matchText(matched)}; nothing was done. Without \`--dry-run\`: ${verb.verb}.`);
}

function matchText(matched: number): string {
  if (matched === 0) return 'No job matches';
  return matched === 1 ? '1 job matches' : `${matched} jobs match`;
}

async function followOwn(yard: Yard, { id }: BulkRecord, context: CommandContext): Promise<void> {
  const signal = interruptSignal();
  try {
    tellEnd(await shown(yard, id, { ...context, output: context.output, signal }), context);
  } catch (cause) {
    if (!signal.aborted) throw cause;
    tellEnd(await yard.bulk.abort(id).catch(() => ended(yard, id, cause)), context);
    context.exitWith(exitCodes.interrupted);
  }
}

/** It may have ended by itself. */
async function ended(yard: Yard, id: string, cause: unknown): Promise<BulkRecord> {
  const operation = await yard.bulk.get(id);
  if (operation === undefined) throw cause;
  return operation;
}

/** Follows the operation of whoever started it. */
export async function followOther(yard: Yard, id: string, context: CommandContext): Promise<void> {
  const signal = interruptSignal();
  try {
    tellEnd(await shown(yard, id, { ...context, output: context.output, signal }), context);
  } catch (cause) {
    if (signal.aborted) context.terminal.say(`It goes on; \`yard bulk abort ${id}\` stops it.`);
    throw cause;
  }
}

type Watching = Pick<CommandContext, 'terminal' | 'output'> & { signal: AbortSignal };

/** Shows how far it has come until it has ended. */
async function shown(yard: Yard, id: string, { terminal, output, signal }: Watching): Promise<BulkRecord> {
  const isDrawing = !isJson(output) && terminal.isInteractive;
  const alone = new AbortController();
  void sayWhereAlone(id, { terminal, signal: AbortSignal.any([signal, alone.signal]) });
  let last: BulkRecord | undefined;
  let toldAt = 0;
  try {
    for await (const operation of yard.bulk.follow(id, { signal })) {
      last = operation;
      if (operation.claim !== undefined) alone.abort();
      if (isDrawing) terminal.draw(`${clearLine}${barOf(operation, terminal)}`);
      else if (!isJson(output) && isWorthTelling(operation, toldAt)) {
        toldAt = operation.updatedAt;
        terminal.say(farText(operation));
      }
    }
  } finally {
    alone.abort();
    if (isDrawing) terminal.draw(clearLine);
  }
  if (last === undefined) throw new RangeError('Expected an operation to follow, got none.');
  return last;
}

/** Now and then, once it has begun. */
function isWorthTelling(operation: BulkRecord, toldAt: number): boolean {
  const begun = operation.done + refusedOf(operation) > 0;
  return begun && !hasEnded(operation) && operation.updatedAt - toldAt >= tellEveryMs;
}

async function sayWhereAlone(id: string, { terminal, signal }: Omit<Watching, 'output'>): Promise<void> {
  await rest(aloneForMs, signal);
  if (signal.aborted) return;
  terminal.say(`No master has begun it; it goes on when one runs. Ctrl-C aborts it. See \`yard bulk get ${id}\`.`);
}

const clearLine = '\r\u001B[K';
const width = 24;

/** `███░░░ 40%  400 of 1000, 3 refused`. */
function barOf(operation: BulkRecord, terminal: Terminal): string {
  const { matched = 0 } = operation;
  const left = leftOf(operation) ?? matched;
  const part = matched === 0 ? 0 : 1 - left / matched;
  const full = Math.round(part * width);
  const bar = `${'█'.repeat(full)}${'░'.repeat(width - full)} ${Math.floor(part * 100)}%`;
  return `  ${bar}  ${farText(operation)}`.slice(0, Math.max(0, terminal.columns - 1));
}

/** How far it has come, in words. */
function farText(operation: BulkRecord): string {
  const { matched, done } = operation;
  const refused = refusedOf(operation);
  const counted = matched === undefined ? 'counting' : `${done + refused} of ${matched}`;
  return refused === 0 ? counted : `${counted}, ${refused} refused`;
}

/** What became of it; exits with 1 unless it was done to all. */
export function tellEnd(operation: BulkRecord, context: CommandContext): void {
  const { terminal, output } = context;
  if (isJson(output)) terminal.print(jsonOf(operation, output));
  else terminal.print(endText(operation));
  if (!isJson(output))
    for (const [why, count] of Object.entries(operation.refused)) terminal.say(`${count} refused: ${why}`);
  if (operation.state !== 'done' || refusedOf(operation) > 0) context.exitWith(exitCodes.failed);
}

function endText(operation: BulkRecord): string {
  const { id, verb, matched = 0, done, state, error, abort } = operation;
  const refused = refusedOf(operation);
  if (state === 'done' && matched === 0) return `${verb.verb}: no job matches.`;
  const moved = state === 'done' ? matched - done - refused : 0;
  const gone = moved > 0 ? `, ${moved} had moved on by themselves` : '';
  const sum = `${verb.verb}: ${done} of ${matched} jobs done, ${refused} refused${gone}.`;
  if (state === 'aborted') return `${sum} Aborted by ${abort?.by ?? 'somebody'}; what is done is done.`;
  if (state === 'failed') return `${sum} It failed: ${error ?? 'nobody knows why'}`;
  return state === 'running' ? `${sum} It is told to stop; see \`yard bulk get ${id}\`.` : sum;
}
