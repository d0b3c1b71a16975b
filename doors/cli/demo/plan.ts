/**
 * The jobs of the demonstration, as data: what is submitted, and what of it must be true in the end.
 *
 * Ten transcodes over all queues and most priorities, listed with the least urgent first, so that whoever served
 * them in the order of their submission would be found out; a job that fails twice; a job that needs a GPU.
 */

/** What a transcode must have made. */
export interface Expected {
  file: string;
  /** As ffmpeg calls it. */
  codec: string;
  height: number;
  seconds: number;
}

export interface PlannedJob {
  id: string;
  type: string;
  queue: string;
  priority: string;
  /** Headers beside `Job-Id`, `Queue` and `Priority`. */
  headers: Readonly<Record<string, string>>;
  payload: Readonly<Record<string, unknown>>;
  made?: Expected;
}

export interface Plan {
  jobs: readonly PlannedJob[];
  /** The long transcode whose worker is killed. */
  victim: string;
  flaky: string;
  /** Fails so often before it succeeds. */
  failures: number;
  gpu: string;
}

/** A video to work on; `input` is an absolute path. */
export interface Clip {
  input: string;
  seconds: number;
}

export interface Material {
  clip: Clip;
  /** The one for the victim, long enough to be caught in the middle. */
  long: Clip;
  /** Codecs that can be made here. */
  codecs: readonly string[];
}

/** Codecs that the demonstration likes to make: what ffmpeg calls what comes out, and in which container. */
const codecs: Readonly<Record<string, { made: string; ending: string }>> = {
  h264: { made: 'h264', ending: 'mp4' },
  h265: { made: 'hevc', ending: 'mp4' },
  vp9: { made: 'vp9', ending: 'webm' },
  mpeg4: { made: 'mpeg4', ending: 'mp4' },
};

export const likedCodecs: readonly string[] = Object.keys(codecs);

interface Wanted {
  queue: string;
  priority: string;
  codec: string;
  seconds: number;
  height: number;
  more?: Readonly<Record<string, unknown>>;
}

const shorts: readonly Wanted[] = [
  { queue: 'batch', priority: 'low', codec: 'h264', seconds: 4, height: 180, more: { fps: 10 } },
  { queue: 'batch', priority: 'medium', codec: 'mpeg4', seconds: 6, height: 180 },
  { queue: 'batch', priority: 'critical', codec: 'h264', seconds: 6, height: 180, more: { bitrate: '200k' } },
  { queue: 'default', priority: 'low', codec: 'h264', seconds: 4, height: 144 },
  { queue: 'default', priority: 'medium', codec: 'h265', seconds: 4, height: 180, more: { preset: 'fast' } },
  { queue: 'default', priority: 'high', codec: 'h264', seconds: 6, height: 240 },
  { queue: 'default', priority: 'critical', codec: 'vp9', seconds: 3, height: 144, more: { preset: '5' } },
  { queue: 'live', priority: 'medium', codec: 'h264', seconds: 6, height: 240, more: { crf: 28 } },
  { queue: 'live', priority: 'high', codec: 'h264', seconds: 8, height: 180, more: { preset: 'fast' } },
];

/** The longest part of the input that is transcoded. */
export const longSeconds = 20;

export function plan(material: Material): Plan {
  const failures = 2;
  const victim = longTranscode(material);
  const { clip, codecs } = material;
  const jobs = [...shorts.map((short) => transcode(short, clip, codecs)), victim, flakyJob(failures), gpuJob()];
  return { jobs, victim: victim.id, flaky: 'flaky', failures, gpu: 'needs-a-gpu' };
}

/** Takes some seconds on any machine: it must be caught in the middle. */
function longTranscode({ long: clip, codecs }: Material): PlannedJob {
  const wanted = { queue: 'live', priority: 'critical', codec: 'h264', seconds: longSeconds, height: 360 };
  return transcode({ ...wanted, more: { preset: 'slow', threads: 1 } }, clip, codecs);
}

function transcode(wanted: Wanted, { input, seconds }: Clip, makeable: readonly string[]): PlannedJob {
  const { queue, priority, height, more = {} } = wanted;
  const isMakeable = makeable.includes(wanted.codec);
  const codec = isMakeable ? wanted.codec : (makeable[0] ?? 'h264');
  const { made, ending } = codecs[codec] ?? { made: codec, ending: 'mp4' };
  const id = `${queue}-${priority}`;
  const file = `${id}.${ending}`;
  const length = Math.min(wanted.seconds, seconds);
  return {
    id,
    type: 'transcode',
    queue,
    priority,
    headers: {},
    // What was asked for beside the size suits the codec that was meant.
    payload: {
      input,
      output: file,
      codec,
      resolution: `${height}p`,
      durationSeconds: length,
      ...(isMakeable ? more : {}),
    },
    made: { file, codec: made, height, seconds: length },
  };
}

function flakyJob(failAttempts: number): PlannedJob {
  const headers = { Backoff: 'list(400ms, 800ms)' };
  return { id: 'flaky', type: 'flaky', queue: 'default', priority: 'high', headers, payload: { failAttempts } };
}

function gpuJob(): PlannedJob {
  const headers = { Gpu: '1', Vram: '8000' };
  const payload = { executionTimeMs: 300 };
  return { id: 'needs-a-gpu', type: 'noop', queue: 'default', priority: 'medium', headers, payload };
}

/** The command that submits a job, for people to see. */
export function asNatsPub({ type, payload, ...job }: PlannedJob, prefix: string): string {
  const headers = Object.entries(headersOf(job)).map(([name, value]) => `-H '${name}:${value}'`);
  return `nats pub ${prefix}.submit.${type} '${JSON.stringify(payload)}' ${headers.join(' ')}`;
}

/** Every header of a job. */
export function headersOf({
  id,
  queue,
  priority,
  headers,
}: Omit<PlannedJob, 'type' | 'payload'>): Record<string, string> {
  return { 'Job-Id': id, Queue: queue, Priority: priority, ...headers };
}
