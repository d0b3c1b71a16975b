import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdtempSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeClip } from '../../handlers/ffmpeg/clip.ts';
import { encodersFor } from '../../handlers/ffmpeg/encoder.ts';
import { parseMedia } from '../../handlers/ffmpeg/media.ts';
import { Ffmpeg } from '../../handlers/ffmpeg/tool.ts';
import { windows } from '../../handlers/transcode/quality.ts';
import { type TranscodeOptions, transcode } from '../../handlers/transcode.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { Attempt, type AttemptOptions } from './attempt.ts';

const clock = new SystemClock();
const ffmpeg = new Ffmpeg({ clock });
let world = '';
let inputs = '';
let outputs = '';

beforeAll(async () => {
  world = realpathSync(mkdtempSync(join(tmpdir(), 'transcode-')));
  inputs = mkdtempSync(join(world, 'in-'));
  await makeClip({ ffmpeg, path: join(inputs, 'clip.mp4'), seconds: 2 });
  await makeClip({ ffmpeg, path: join(inputs, 'silent.mkv'), seconds: 1, sound: false });
});

afterAll(() => rmSync(world, { recursive: true, force: true }));

beforeEach(() => {
  outputs = mkdtempSync(join(world, 'out-'));
});

function attempt(options: AttemptOptions & { setting?: Partial<TranscodeOptions> } = {}) {
  const definition = transcode({ clock, ffmpeg, inputRoots: [inputs], outputRoot: outputs, ...options.setting });
  return new Attempt(definition, options);
}

async function mediaOf(path: string) {
  return parseMedia((await ffmpeg.ask(['-i', path])).stderr);
}

describe('a transcode job', () => {
  it('turns a file into another, and tells what it took and how good it is', async () => {
    const run = attempt();
    const result = await run.run({ input: 'clip.mp4', output: 'small.mp4', crf: 28, resolution: '80x60', fps: 10 });
    const output = join(outputs, 'small.mp4');
    expect(result).toMatchObject({
      output,
      width: 80,
      height: 60,
      encoder: 'libx264',
      sizeBytes: statSync(output).size,
    });
    expect(result.durationSeconds).toBeCloseTo(2, 0);
    expect(result.fps).toBeGreaterThan(0);
    expect(result.speed).toBeGreaterThan(0);
    expect(await mediaOf(output)).toMatchObject({
      video: { codec: 'h264', width: 80, height: 60, fps: 10 },
      hasAudio: true,
    });
  });

  it('tells its progress up to 100, and what ffmpeg says as it says it', async () => {
    const run = attempt();
    await run.run({ input: 'clip.mp4', output: 'a.mp4', quality: false });
    expect(run.reports.at(-1)).toMatchObject({ percent: 100, etaMs: 0 });
    expect(run.lines.every(({ stream }) => stream === 'stderr')).toBe(true);
    expect(run.lines.map(({ line }) => line).join('\n')).toContain(
      "Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'clip.mp4'",
    );
  });

  it.each([
    ['h265', 'a.mp4', 'hevc', {}],
    ['vp9', 'a.webm', 'vp9', { bitrate: '200k', preset: '8' }],
    ['libvpx', 'a.webm', 'vp8', { crf: 20, preset: '8' }],
    ['mpeg4', 'a.mkv', 'mpeg4', { crf: 5 }],
    ['h264', 'a.ts', 'h264', { preset: 'ultrafast', audio: 'copy' }],
    ['libx264', 'deep/er/a.mov', 'h264', { audio: 'none', threads: 1 }],
  ])('makes %s in %s', async (codec, output, made, more) => {
    await attempt().run({ input: 'clip.mp4', output, codec, quality: false, durationSeconds: 0.5, ...more });
    expect(await mediaOf(join(outputs, output))).toMatchObject({ video: { codec: made } });
  });

  it('takes the part of the input that it was told', async () => {
    const result = await attempt().run({ input: 'clip.mp4', startSeconds: 0.5, durationSeconds: 1 });
    expect(result.durationSeconds).toBeCloseTo(1, 1);
  });

  it('takes a file URL, and an input without sound', async () => {
    const result = await attempt().run({ input: `file://${inputs}/silent.mkv`, output: 'a.webm', codec: 'vp9' });
    expect(result).toMatchObject({ encoder: 'libvpx-vp9' });
    expect(await mediaOf(result.output)).toMatchObject({ hasAudio: false });
  });

  it('names its output after its input and itself where it is not told how', async () => {
    const result = await attempt({ id: 'j42' }).run({ input: 'clip.mp4', quality: false });
    expect(result.output).toBe(join(outputs, 'clip-j42.mp4'));
  });

  it('replaces an output of an earlier run', async () => {
    writeFileSync(join(outputs, 'a.mp4'), 'old');
    const { sizeBytes } = await attempt().run({ input: 'clip.mp4', output: 'a.mp4', quality: false });
    expect(statSync(join(outputs, 'a.mp4')).size).toBe(sizeBytes);
    expect(sizeBytes).toBeGreaterThan(3);
  });
});

describe('the quality that it tells', () => {
  /** 0 to 1, by whatever this ffmpeg can measure. */
  const score = async (more: object) => {
    const { vmaf, ssim } = await quality(more);
    return vmaf === undefined ? (ssim ?? 0) : vmaf / 100;
  };
  const quality = async (more: object) => (await attempt().run({ input: 'clip.mp4', ...more })).quality;

  it('is SSIM and PSNR, and VMAF only where it can be computed', async () => {
    const measured = await quality({ crf: 30 });
    const vmaf = await ffmpeg.vmaf();
    expect(Object.keys(measured).sort()).toEqual(vmaf === undefined ? ['psnr', 'ssim'] : ['vmaf']);
  });

  it('is near to perfect for an output that lost next to nothing, also where time and frames were cut', async () => {
    expect(await score({ crf: 1 })).toBeGreaterThan(0.97);
    expect(await score({ crf: 1, fps: 10, startSeconds: 0.5 })).toBeGreaterThan(0.97);
  });

  it('is lower for an output that lost much', async () => {
    expect(await score({ crf: 50 })).toBeLessThan((await score({ crf: 10 })) - 0.05);
  });

  it('is not measured where nobody wants it', async () => {
    expect(await quality({ quality: false })).toEqual({});
  });

  it('is taken from a few windows of a long clip, all within it', () => {
    expect(windows(20)).toEqual([{ at: 0, length: 30 }]);
    const looked = windows(3600);
    expect(looked).toHaveLength(5);
    expect(looked.at(-1)).toEqual({ at: 3594, length: 6 });
  });
});

describe('the energy that it tells', () => {
  it('is estimated from CPU seconds where nothing measures it, and says so', async () => {
    const result = await attempt({ setting: { wattsPerCore: 100 } }).run({ input: 'clip.mp4', quality: false });
    const { energy } = result;
    expect(energy?.cpuSeconds).toBeGreaterThan(0);
    if (energy?.source === 'estimated') expect(energy.joules).toBeCloseTo((energy.cpuSeconds ?? 0) * 100, 1);
  });
});

describe('what an attempt leaves', () => {
  const long = { input: 'clip.mp4', output: 'a.mp4', preset: 'placebo', resolution: '3840x2160', fps: 240, crf: 1 };

  it('is nothing when it is stopped while it encodes', async () => {
    const run = attempt();
    const result = run.run(long);
    await run.next('log');
    expect(readdirSync(outputs).length).toBeLessThanOrEqual(1);
    run.abort(new Error('drained'));
    await expect(result).rejects.toThrow('drained');
    expect(readdirSync(outputs)).toEqual([]);
  });

  it('is nothing when it does not hold its job any more', async () => {
    const result = attempt({ holdsFence: async () => false }).run({
      input: 'clip.mp4',
      output: 'a.mp4',
      quality: false,
    });
    await expect(result).rejects.toThrow('another attempt does');
    expect(readdirSync(outputs)).toEqual([]);
  });

  it('is asked about only when all is written', async () => {
    let present: readonly string[] = [];
    const holdsFence = async () => {
      present = readdirSync(outputs);
      return true;
    };
    await attempt({ holdsFence, id: 'j9', attempt: 2 }).run({ input: 'clip.mp4', output: 'a.mp4', quality: false });
    expect(present).toEqual(['.a.j9.2.part.mp4']);
    expect(readdirSync(outputs)).toEqual(['a.mp4']);
  });

  it('is removed by a later attempt where the worker was killed, and nothing else is', async () => {
    const others = ['.a.j9.4.part.mp4', '.a.j8.1.part.mp4', 'b.mp4'];
    for (const name of ['.a.j9.1.part.mp4', '.a.j9.2.part.mp4', ...others]) writeFileSync(join(outputs, name), '');
    await attempt({ id: 'j9', attempt: 3 }).run({ input: 'clip.mp4', output: 'a.mp4', quality: false });
    expect(readdirSync(outputs).sort()).toEqual([...others, 'a.mp4'].sort());
  });

  it('is no running ffmpeg when its worker is killed', async () => {
    const fifo = join(outputs, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const held = createReadStream(fifo);
    const source = ['-nostdin', '-re', '-f', 'lavfi', '-i', 'testsrc2=size=160x120', '-f', 'mpegts', '-y', fifo];
    const holder = join(import.meta.dirname, 'holder.ts');
    const worker = spawn(process.execPath, [holder, await ffmpeg.path(), ...source], { stdio: 'ignore' });
    expect(await once(held, 'data')).toHaveLength(1);
    worker.kill('SIGKILL');
    held.resume();
    await once(held, 'end'); // ffmpeg would write for ever.
  });
});

describe('an input on the network', () => {
  let server: Server;
  let address = '';

  beforeEach(async () => {
    server = createServer(async (request, response) => {
      if (request.url === '/busy.mkv') response.writeHead(503).end();
      else if (request.url === '/list.m3u8')
        response.end(`#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://${inputs}/clip.mp4\n#EXT-X-ENDLIST\n`);
      else if (request.url?.startsWith('/silent.mkv')) response.end(await readFile(join(inputs, 'silent.mkv')));
      else response.writeHead(404).end();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const at = server.address();
    address = typeof at === 'object' && at ? `127.0.0.1:${at.port}` : '';
  });

  afterEach(() => server.close());

  it('is read by HTTP, and its credentials are not shown', async () => {
    const run = attempt();
    const result = await run.run({ input: `http://ann:secret@${address}/silent.mkv?token=abc`, output: 'a.mp4' });
    expect(result.quality).not.toEqual({});
    expect(JSON.stringify(run.lines)).not.toMatch(/secret|abc/);
  });

  it.each([
    ['that is not there is refused for good', '/none.mkv', false],
    ['that is away for the moment may be tried again', '/busy.mkv', true],
    ['that is a playlist of files of this machine is refused for good', '/list.m3u8', false],
  ])('%s', async (_, path, retryable) => {
    const result = attempt().run({ input: `http://${address}${path}` });
    await expect(result).rejects.toMatchObject({ name: 'JobError', retryable });
    await expect(result).rejects.toThrow(`Expected http://${address}${path} to be a media file`);
  });

  it('whose server does not answer may be tried again', async () => {
    const result = attempt().run({ input: 'http://127.0.0.1:1/a.mkv' });
    await expect(result).rejects.toMatchObject({ name: 'JobError', retryable: true });
  });
});

describe('what it needs', () => {
  const needs = async (payload: object) => {
    const definition = transcode({ clock });
    const checked = await definition.payload['~standard'].validate({ input: 'a.mp4', ...payload });
    return checked.issues ? undefined : definition.requirements?.(checked.value);
  };

  it('is a GPU with the encoder that works there, for hardware, and nothing else', async () => {
    expect(await needs({ hardware: 'nvenc' })).toEqual({ gpu: 1, encoder: 'h264_nvenc' });
    expect(await needs({ codec: 'h265', hardware: 'vaapi' })).toEqual({ gpu: 1, encoder: 'hevc_vaapi' });
    expect(await needs({ codec: 'av1_qsv' })).toEqual({ gpu: 1, encoder: 'av1_qsv' });
    expect(await needs({ codec: 'h265' })).toEqual({});
  });

  it('is said where the worker turns out not to have it, and another may', async () => {
    const [nvenc] = encodersFor('h264_nvenc');
    if (nvenc && (await ffmpeg.works(nvenc))) return;
    const result = attempt().run({ input: 'clip.mp4', hardware: 'nvenc' });
    await expect(result).rejects.toMatchObject({ retryable: true });
    await expect(result).rejects.toThrow('Expected a working encoder h264_nvenc on this worker, it has none.');
  });
});
