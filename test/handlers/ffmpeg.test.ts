import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findFfmpeg, makeExecutable } from '../../handlers/ffmpeg/binary.ts';
import { encodersFor } from '../../handlers/ffmpeg/encoder.ts';
import { parseMedia } from '../../handlers/ffmpeg/media.ts';
import { ProgressReader, reportOf } from '../../handlers/ffmpeg/progress.ts';
import { Ffmpeg, probeEncoders, vmafScore } from '../../handlers/ffmpeg/tool.ts';
import { SystemClock } from '../../runtime/clock.ts';

const clock = new SystemClock();
const recorded = (name: string) => readFileSync(join(import.meta.dirname, 'recorded', name), 'utf8');
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ffmpeg-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('ffmpeg is found', () => {
  function install(name: string): string {
    const bin = join(folder, 'bin');
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, name), '#!/bin/sh\n');
    chmodSync(join(bin, name), 0o755);
    return bin;
  }

  it('on PATH first', async () => {
    const bin = install('ffmpeg');
    expect(await findFfmpeg({ env: { PATH: `/nowhere:${bin}` } })).toBe(join(bin, 'ffmpeg'));
  });

  it('in the package where PATH has none, and it runs', async () => {
    const path = await findFfmpeg({ env: { PATH: folder } });
    expect(path).toContain('@ffmpeg-installer');
    expect((await new Ffmpeg({ clock, ffmpeg: path }).ask(['-version'])).exitCode).toBe(0);
  });

  it('as configured, by path or by name', async () => {
    const bin = install('my-ffmpeg');
    expect(await findFfmpeg({ ffmpeg: join(bin, 'my-ffmpeg') })).toBe(join(bin, 'my-ffmpeg'));
    expect(await findFfmpeg({ ffmpeg: 'my-ffmpeg', env: { PATH: bin } })).toBe(join(bin, 'my-ffmpeg'));
  });

  it('nowhere else than as configured', async () => {
    await expect(findFfmpeg({ ffmpeg: '/nowhere/ffmpeg' })).rejects.toMatchObject({
      code: 'tool.missing',
      message: 'Expected an executable ffmpeg at /nowhere/ffmpeg, found none. Correct the configured path.',
    });
  });

  it('and made executable in place', async () => {
    const file = join(folder, 'binary');
    writeFileSync(file, '#!/bin/sh\n', { mode: 0o644 });
    expect(await makeExecutable(file, join(folder, 'cache'))).toBe(file);
    expect(statSync(file).mode & 0o111).toBe(0o111);
  });

  it.runIf(process.platform === 'linux')('and copied where its mode cannot be changed', async () => {
    const copy = await makeExecutable('/proc/self/status', join(folder, 'cache'));
    expect(copy.startsWith(join(folder, 'cache'))).toBe(true);
    expect(statSync(copy).mode & 0o111).toBe(0o111);
    expect(await makeExecutable('/proc/self/status', join(folder, 'cache'))).toBe(copy);
  });
});

describe('encoders', () => {
  const ffmpeg = new Ffmpeg({ clock });

  it('count when they worked, not when they are listed', async () => {
    const listed = (await ffmpeg.ask(['-encoders'])).stdout;
    const [x264] = encodersFor('h264');
    if (!x264) throw new Error('Expected it to be known.');
    const broken = { ...x264, name: 'mpeg4', device: ['-vaapi_device', join(folder, 'no-device')] };
    expect(listed).toContain(' mpeg4 ');
    expect(await probeEncoders(ffmpeg, { candidates: [broken, x264] })).toEqual([x264]);
  });

  it('are known by codec, by name and by hardware', () => {
    const names = (codec: string, hardware?: 'nvenc' | 'qsv') => encodersFor(codec, hardware).map(({ name }) => name);
    expect(names('h264')).toEqual(['libx264']);
    expect(names('av1')).toEqual(['libsvtav1', 'libaom-av1']);
    expect(names('hevc', 'nvenc')).toEqual(['hevc_nvenc']);
    expect(names('h264_nvenc')).toEqual(['h264_nvenc']);
    expect(names('libx264', 'nvenc')).toEqual([]);
    expect(names('vp8', 'qsv')).toEqual([]);
  });
});

describe('what ffmpeg says of a file', () => {
  it('is read as version 4 writes it', () => {
    expect(parseMedia(recorded('ffmpeg-4-mp4.txt'))).toEqual({
      container: 'mov,mp4,m4a,3gp,3g2,mj2',
      durationSeconds: 2.02,
      hasAudio: true,
      video: { codec: 'h264', width: 160, height: 120, fps: 15 },
    });
  });

  it('is read as version 7 writes it', () => {
    expect(parseMedia(recorded('ffmpeg-7-mp4.txt'))).toMatchObject({
      durationSeconds: 3723.46,
      video: { codec: 'hevc', width: 3840, height: 2160, fps: 59.94 },
    });
  });

  it('does not take the cover of a song for a video', () => {
    const media = parseMedia(recorded('ffmpeg-5-music-with-cover.txt'));
    expect(media).toMatchObject({ container: 'mp3', hasAudio: true, durationSeconds: 205.11 });
    expect(media).not.toHaveProperty('video');
  });

  it('has no length for a live stream', () => {
    const media = parseMedia(recorded('ffmpeg-6-live.txt'));
    expect(media).toMatchObject({ video: { width: 1280, height: 720, fps: 25 } });
    expect(media).not.toHaveProperty('durationSeconds');
  });

  it('is nothing where it opened nothing', () => {
    expect(parseMedia('/etc/passwd: Invalid data found when processing input')).toBeUndefined();
  });

  it('holds the VMAF of either version of libvmaf', () => {
    expect(vmafScore('[libvmaf @ 0x55] VMAF score: 88.321456')).toBe(88.321456);
    expect(vmafScore('VMAF score = 88.358715')).toBe(88.358715);
    expect(vmafScore('Exec FPS: 88.3')).toBeUndefined();
  });
});

describe('progress', () => {
  function last(lines: string) {
    const reader = new ProgressReader();
    const block = lines
      .split('\n')
      .reduce<ReturnType<ProgressReader['take']>>((known, line) => reader.take(line) ?? known, undefined);
    if (!block) throw new Error('Expected a whole block.');
    return block;
  }

  it('tells percent, fps, speed and the time that is left', () => {
    const block = last('frame=48\nfps=24.0\nbitrate= 108.5kbits/s\nout_time_us=2000000\nspeed=1.6x\nprogress=continue');
    expect(reportOf(block, 10)).toEqual({ percent: 20, etaMs: 5000, values: { fps: 24, speed: 1.6 } });
  });

  it('promises no time while the speed is not known', () => {
    const block = last('frame=0\nfps=0.0\nout_time_us=N/A\nspeed=N/A\nprogress=continue');
    expect(reportOf(block, 10)).toEqual({ percent: 0, values: {} });
  });

  it('is never above 100, and 100 at the end although the last frames were not counted', () => {
    expect(reportOf(last('out_time_us=11000000\nspeed=2x\nprogress=continue'), 10)).toMatchObject({
      percent: 100,
      etaMs: 0,
    });
    expect(reportOf(last('out_time_us=9700000\nspeed=2x\nprogress=end'), 10)).toMatchObject({ percent: 100, etaMs: 0 });
  });

  it('has no percentage without a known length', () => {
    expect(reportOf(last('out_time_us=9700000\nspeed=2x\nprogress=continue'), undefined)).toEqual({
      values: { speed: 2 },
    });
  });
});
