/**
 * `yard top`: the cluster at work, drawn anew each second: queues, workers, rates, and what failed last.
 *
 * Where the broker is away the last picture stays, and says how old it is. Off a terminal, and with `--once`, it is one frame.
 */

import type { Command } from 'commander';
import { durationMs, durationText } from '../../cluster/settings.ts';
import type { Yard } from '../../sdk/index.ts';
import { isJson, jsonOf } from './answer.ts';
import type { CommandContext } from './command.ts';
import { exitCodes } from './exit.ts';
import { interruptSignal } from './interrupt.ts';
import type { Screen } from './screen.ts';
import { frame } from './top/frame.ts';
import { type Picture, type Rates, ratesBetween, takePicture } from './top/picture.ts';

interface Flags {
  once?: boolean;
  interval: string;
}

export function register(program: Command, context: CommandContext): void {
  program
    .command('top')
    .summary('Shows the cluster at work, live.')
    .description(
      'Shows queues with depth, age and throughput, workers with slots, CPU and GPU, who leads, and what failed last, each second anew. `q` quits.',
    )
    .option('--once', 'Shows it once and ends, as it does where its output is no terminal.')
    .option('--interval <duration>', 'How often it is drawn.', '1s')
    .action((flags: Flags, command: Command) => run(flags, command, context));
}

async function run({ once, interval }: Flags, command: Command, context: CommandContext): Promise<void> {
  const everyMs = Math.max(100, durationMs(interval, 'interval'));
  const { terminal, output } = context;
  if (once === true || !terminal.isInteractive || isJson(output))
    await context.withYard(command, (yard) => single(yard, everyMs, context));
  else await live(command, everyMs, context);
}

/** Two looks, since a rate is what happened between them. */
async function single(yard: Yard, everyMs: number, context: CommandContext): Promise<void> {
  const { rest } = await import('../../cluster/pace.ts');
  const before = await takePicture(yard);
  await rest(everyMs, interruptSignal());
  const picture = await takePicture(yard);
  const rates = ratesBetween(before, picture);
  const { terminal, output } = context;
  if (isJson(output)) terminal.print(jsonOf(asJson(picture, rates), output));
  else terminal.print(frame(picture, rates, { terminal, rows: Number.POSITIVE_INFINITY }).join('\n'));
  if (picture.cluster === undefined) context.exitWith(exitCodes.unreachable);
}

function asJson({ settled, ...picture }: Picture, rates: Rates | undefined) {
  return {
    ...picture,
    cluster: picture.cluster ?? null,
    settled: settled === undefined ? null : Object.fromEntries(settled),
    rates: rates === undefined ? null : { ...rates.all, byQueue: Object.fromEntries(rates.byQueue) },
  };
}

async function live(command: Command, everyMs: number, context: CommandContext): Promise<void> {
  const [{ rest, monotonicMs }, { openScreen }, { openYard }] = await Promise.all([
    import('../../cluster/pace.ts'),
    import('./screen.ts'),
    import('./open-yard.ts'),
  ]);
  const { directory, terminal } = context;
  const ending = new AbortController();
  const signal = AbortSignal.any([interruptSignal(), ending.signal]);
  let shown: Shown = { picture: undefined, rates: undefined, takenAt: monotonicMs(), trouble: undefined };
  let draw = () => {};
  // What is said of the broker belongs onto the screen, not across it.
  const say = (sentence: string) => {
    shown = { ...shown, trouble: sentence };
    draw();
  };
  await using yard = await openYard(context.settings(command, 'client'), { directory, terminal: { ...terminal, say } });
  using screen = openScreen();
  draw = () => paint(shown, { screen, terminal });
  screen.onKey((key) => (isQuit(key) ? ending.abort() : draw()));
  while (!signal.aborted) {
    const startedAt = monotonicMs();
    shown = await next(yard, shown, monotonicMs);
    if (!signal.aborted) draw();
    // One that takes long to answer is asked no more than half of the time.
    const tookMs = monotonicMs() - startedAt;
    await rest(Math.max(everyMs - tookMs, tookMs), signal);
  }
}

/** What is on the screen, and since when it is as it is. */
interface Shown {
  picture: Picture | undefined;
  rates: Rates | undefined;
  takenAt: number;
  trouble: string | undefined;
}

async function next(yard: Yard, before: Shown, monotonicMs: () => number): Promise<Shown> {
  const now = monotonicMs();
  try {
    const picture = await takePicture(yard);
    return { picture, rates: ratesBetween(before.picture, picture), takenAt: now, trouble: undefined };
  } catch (cause) {
    const { picture, rates, takenAt } = before;
    const age = durationText(Math.round((now - takenAt) / 1_000) * 1_000);
    const words = cause instanceof Error ? cause.message : String(cause);
    return { picture, rates, takenAt, trouble: `As it was ${age} ago: ${words}` };
  }
}

function paint(
  { picture, rates, trouble }: Shown,
  { screen, terminal }: { screen: Screen; terminal: CommandContext['terminal'] },
): void {
  const lines =
    picture === undefined
      ? [trouble ?? '']
      : frame(picture, rates, { terminal, rows: screen.rows - (trouble === undefined ? 0 : 1), trouble });
  screen.draw(lines);
}

/** `q`, Escape, and Ctrl-C, which a terminal in raw mode hands over as a key. */
function isQuit(key: string): boolean {
  return key === 'q' || key === 'Q' || key === '\u001B' || key === '\u0003';
}
