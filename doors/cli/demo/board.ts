/**
 * What happens, as it happens: on a terminal a row with a bar for each job, the most urgent first, drawn anew in
 * place; elsewhere a line for each transition, which a log keeps.
 */

import type { JobState, Progress, Transition } from '../../../sdk/index.ts';
import type { Terminal } from '../terminal.ts';
import { stateStyle } from '../words.ts';
import { laneOf } from './order.ts';
import type { PlannedJob } from './plan.ts';

export interface BoardOptions {
  terminal: Terminal;
  jobs: readonly PlannedJob[];
  /** Whether to draw rows in place. */
  live: boolean;
  /** Takes a line of talk. */
  talk(line: string): void;
}

interface Row {
  job: PlannedJob;
  state: JobState | undefined;
  percent: number;
  attempt: number;
  worker: string;
  remark: string;
}

const barWidth = 20;

export class Board {
  readonly #options: BoardOptions;
  readonly #rows: ReadonlyMap<string, Row>;
  readonly #widths: Readonly<Record<'id' | 'queue' | 'priority', number>>;
  #drawn = 0;

  constructor(options: BoardOptions) {
    this.#options = options;
    const jobs = options.jobs.toSorted((one, other) => laneOf(one) - laneOf(other));
    this.#rows = new Map(
      jobs.map((job) => [job.id, { job, state: undefined, percent: 0, attempt: 0, worker: '', remark: '' }]),
    );
    const widest = (name: 'id' | 'queue' | 'priority') => Math.max(...jobs.map((job) => job[name].length));
    this.#widths = { id: widest('id'), queue: widest('queue'), priority: widest('priority') };
  }

  /** Says something between the rows. */
  note(line: string): void {
    if (!this.#options.live) return this.#options.talk(line);
    this.#clear();
    this.#options.talk(line);
    this.#draw();
  }

  moved(id: string, { from, to, attempt, reason }: Transition): void {
    const row = this.#rows.get(id);
    if (row === undefined) return;
    row.state = to;
    row.attempt = attempt;
    row.remark = reason ?? '';
    if (to === 'completed') row.percent = 100;
    else if (to !== 'processing') row.percent = 0;
    this.#changed(row, `${from} → ${to}`, this.#options.terminal.style(stateStyle(to), to));
  }

  progressed(id: string, { percent }: Progress): void {
    const row = this.#rows.get(id);
    if (row === undefined || percent === undefined || percent <= row.percent) return;
    const before = row.percent;
    row.percent = percent;
    if (this.#options.live) this.#draw();
    else if (Math.floor(percent / 25) > Math.floor(before / 25)) this.#changed(row, `${Math.round(percent)} %`);
  }

  runsOn(id: string, worker: string): void {
    const row = this.#rows.get(id);
    if (row === undefined || row.worker === worker) return;
    row.worker = worker;
    if (this.#options.live) this.#draw();
  }

  /** Says why a job waits, beside it. */
  remark(id: string, remark: string): void {
    const row = this.#rows.get(id);
    if (row === undefined) return;
    row.remark = remark;
    this.#changed(row, remark);
  }

  /** Nothing more will happen: what was drawn is taken away. */
  close(): void {
    if (this.#options.live) this.#clear();
  }

  #changed(row: Row, what: string, shown = what): void {
    if (this.#options.live) return this.#draw();
    const details = [
      row.worker === '' || !isHeld(row.state) ? '' : ` on ${row.worker}`,
      row.attempt > 1 ? ` (attempt ${row.attempt})` : '',
      row.remark === '' || row.remark === what ? '' : `: ${row.remark}`,
    ];
    const words = shown === what ? what : what.replace(/\S+$/, shown);
    this.#options.talk(`${row.job.id.padEnd(this.#widths.id)}  ${words}${details.join('')}`);
  }

  #clear(): void {
    if (this.#drawn > 0) this.#options.terminal.draw(`\u001b[${this.#drawn}A\u001b[0J`);
    this.#drawn = 0;
  }

  #draw(): void {
    if ([...this.#rows.values()].every(({ state }) => state === undefined)) return;
    const lines = [...this.#rows.values()].map((row) => `\u001b[2K${this.#line(row)}`);
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : '';
    this.#options.terminal.draw(`${up}${lines.join('\n')}\n`);
    this.#drawn = lines.length;
  }

  /** Colours come last: they take no room, and a line that is too long would break the next drawing. */
  #line({ job, state = 'pending', percent, attempt, worker, remark }: Row): string {
    const { terminal } = this.#options;
    const name = `${job.queue.padEnd(this.#widths.queue)} ${job.priority.padEnd(this.#widths.priority)} ${job.id.padEnd(this.#widths.id)} `;
    const full = Math.round((percent / 100) * barWidth);
    const [done, left] = ['█'.repeat(full), '░'.repeat(barWidth - full)];
    const again = attempt > 1 ? `attempt ${attempt}` : '';
    const rest = [worker, again, remark].filter(Boolean).join('  ');
    const room = terminal.columns - name.length - barWidth - 18;
    const end = rest.length > room ? `${rest.slice(0, Math.max(0, room - 1))}…` : rest;
    const style = stateStyle(state);
    const number = `${String(Math.round(percent)).padStart(4)} %`;
    return `${name} ${terminal.style(style, done)}${terminal.style('dim', left)}${number}  ${terminal.style(style, state.padEnd(10))} ${terminal.style('dim', end)}`;
  }
}

/** Whether it can be said on which worker it is. */
function isHeld(state: JobState | undefined): boolean {
  return state === 'processing' || state === 'cancelling';
}
