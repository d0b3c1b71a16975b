/**
 * ffmpeg's `-progress` output: `key=value` lines in blocks, each ended by `progress=continue` or `progress=end`.
 *
 * `out_time_us` counts microseconds (so does `out_time_ms`, in spite of its name). The last block before the end
 * says less than all (frames are still in the encoder), hence 100 at `end`.
 */

import type { ProgressReport } from '../../runtime/handler.ts';

/** What one block says. */
export interface EncodeProgress {
  frames: number;
  outSeconds: number;
  fps?: number;
  /** Seconds of media for each second of work. */
  speed?: number;
  ended: boolean;
}

/** Collects lines; gives the block when its last line comes. */
export class ProgressReader {
  #fields = new Map<string, string>();

  take(line: string): EncodeProgress | undefined {
    const at = line.indexOf('=');
    const key = line.slice(0, at).trim();
    this.#fields.set(key, line.slice(at + 1).trim());
    if (key !== 'progress') return undefined;
    const block = readBlock(this.#fields);
    this.#fields = new Map();
    return block;
  }
}

/** As people want to see it; without a known length there is no percentage. */
export function reportOf(progress: EncodeProgress, totalSeconds: number | undefined): ProgressReport {
  const { fps, speed } = progress;
  return {
    ...share(progress, totalSeconds),
    values: { ...(fps === undefined ? {} : { fps }), ...(speed === undefined ? {} : { speed }) },
  };
}

function share({ outSeconds, speed, ended }: EncodeProgress, total: number | undefined): ProgressReport {
  if (ended) return { percent: 100, etaMs: 0 };
  if (total === undefined || total <= 0) return {};
  const percent = Math.min(100, Math.round((outSeconds / total) * 1000) / 10);
  if (speed === undefined || speed <= 0) return { percent };
  return { percent, etaMs: Math.round((Math.max(0, total - outSeconds) / speed) * 1000) };
}

function readBlock(fields: ReadonlyMap<string, string>): EncodeProgress {
  const fps = numberIn(fields.get('fps'));
  const speed = numberIn(fields.get('speed'));
  return {
    frames: numberIn(fields.get('frame')) ?? 0,
    outSeconds: Math.max(0, numberIn(fields.get('out_time_us') ?? fields.get('out_time_ms')) ?? 0) / 1e6,
    ended: fields.get('progress') === 'end',
    ...(fps ? { fps } : {}),
    ...(speed ? { speed } : {}),
  };
}

/** `1.6x` is 1.6, `N/A` is nothing. */
function numberIn(text: string | undefined): number | undefined {
  const value = Number.parseFloat(text ?? '');
  return Number.isFinite(value) ? value : undefined;
}
