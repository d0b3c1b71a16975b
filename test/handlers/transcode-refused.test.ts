import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeClip } from '../../handlers/ffmpeg/clip.ts';
import { Ffmpeg } from '../../handlers/ffmpeg/tool.ts';
import { checkDisk, estimateBytes } from '../../handlers/transcode/disk.ts';
import { type TranscodeOptions, transcode } from '../../handlers/transcode.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { Attempt, issuesOf } from './attempt.ts';

const clock = new SystemClock();
const ffmpeg = new Ffmpeg({ clock });
const world = realpathSync(mkdtempSync(join(tmpdir(), 'refused-')));
const inputs = join(world, 'in');
const secrets = join(world, 'secrets');
const outputs = join(world, 'out');

beforeAll(async () => {
  for (const folder of [inputs, secrets, outputs, join(inputs, 'folder.mp4'), join(outputs, 'folder.mp4')])
    mkdirSync(folder);
  await makeClip({ ffmpeg, path: join(inputs, 'clip.mp4'), seconds: 1 });
  const fragments = ['-c', 'copy', '-movflags', 'frag_keyframe+empty_moov'];
  await ffmpeg.ask(['-i', join(inputs, 'clip.mp4'), ...fragments, join(secrets, 'clip.mp4')]);
  await ffmpeg.ask(['-i', join(inputs, 'clip.mp4'), '-vn', '-c', 'copy', join(inputs, 'song.mp4')]);
  writeFileSync(join(inputs, 'empty.mp4'), '');
  writeFileSync(join(inputs, 'text.mp4'), 'I am no video.'.repeat(100));
  writeFileSync(join(inputs, 'list.mp4'), `#EXTM3U\n#EXTINF:1,\n${secrets}/clip.mp4\n`);
  writeFileSync(join(inputs, 'concat.mp4'), `ffconcat version 1.0\nfile '${secrets}/clip.mp4'\n`);
  writeFileSync(join(inputs, 'disguised.mp4'), manifest(`file://${secrets}/clip.mp4`));
  writeFileSync(join(inputs, 'hidden.mp4'), 'not empty', { mode: 0o000 });
  execFileSync('mkfifo', [join(inputs, 'fifo.mp4')]);
  symlinkSync(join(secrets, 'clip.mp4'), join(inputs, 'link.mp4'));
  symlinkSync(secrets, join(inputs, 'tunnel'));
  symlinkSync(secrets, join(outputs, 'tunnel'));
  symlinkSync(join(world, 'nowhere'), join(outputs, 'broken'));
});

afterAll(() => rmSync(world, { recursive: true, force: true }));

/** A DASH list whose comment pushes its first word out of what is looked at; ffmpeg would follow it. */
function manifest(media: string): string {
  return `<?xml version="1.0"?><!-- ${'x'.repeat(600)} -->
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" type="static"
  mediaPresentationDuration="PT1S" minBufferTime="PT1S"><Period duration="PT1S"><AdaptationSet mimeType="video/mp4">
  <Representation id="v" mimeType="video/mp4" codecs="avc1.42c00b" bandwidth="200000" width="160" height="120">
  <BaseURL>${media}</BaseURL></Representation></AdaptationSet></Period></MPD>`;
}

function run(payload: object, setting: Partial<TranscodeOptions> = {}) {
  const definition = transcode({ clock, ffmpeg, inputRoots: [inputs], outputRoot: outputs, ...setting });
  return new Attempt(definition).run({ input: 'clip.mp4', output: 'a.mp4', quality: false, ...payload });
}

async function expectRefusal(result: Promise<unknown>, sentence: string | RegExp): Promise<void> {
  await expect(result).rejects.toMatchObject({ name: 'JobError', retryable: false });
  await expect(result).rejects.toThrow(sentence);
  expect(readdirSync(outputs).sort()).toEqual(['broken', 'folder.mp4', 'tunnel']);
  expect(readdirSync(secrets)).toEqual(['clip.mp4']);
}

describe('an input is refused for good', () => {
  const outside = /^Expected an input beneath .*\/in, got .*\. Move it there, or allow its folder on the worker\.$/;
  it.each([
    [
      'that is not there',
      'none.mp4',
      /^Expected the input none\.mp4 to exist in .*, found nothing there\. Check its name\.$/,
    ],
    ['outside of the roots', `${secrets}/clip.mp4`, outside],
    ['outside of the roots by its URL', `file://${secrets}/clip.mp4`, outside],
    ['outside of the roots by dots', '../secrets/clip.mp4', outside],
    ['outside of the roots whether it is there or not', '/nowhere/clip.mp4', outside],
    ['that is a link out of the roots', 'link.mp4', 'is a link that leads out of it'],
    ['behind a link out of the roots', 'tunnel/clip.mp4', 'is a link that leads out of it'],
    ['that is a folder', 'folder.mp4', 'Expected the input folder.mp4 to be a file, got a folder.'],
    ['that is no plain file', 'fifo.mp4', 'to be a file, got something else'],
    ['that is empty', 'empty.mp4', 'to be a media file, got an empty file'],
    ['that is no media file', 'text.mp4', 'Expected text.mp4 to be a media file that ffmpeg can read'],
    ['without a picture', 'song.mp4', 'Expected a video in song.mp4, found none.'],
    ['that is a playlist', 'list.mp4', 'got a playlist. Name the media file.'],
    ['that is a list of files', 'concat.mp4', 'got a playlist. Name the media file.'],
    ['that is a list in disguise', 'disguised.mp4', 'Expected disguised.mp4 to be a media file'],
    [
      'by a protocol that is not allowed',
      'rtmp://example.org/live',
      'Expected an input by file, http, https, got rtmp:',
    ],
    ['by the tricks of ffmpeg', 'concat:clip.mp4|clip.mp4', 'Expected an input by file, http, https, got concat:'],
    ['that ffmpeg would make up', 'lavfi:testsrc', 'Expected an input by file, http, https, got lavfi:'],
    ['that names another host', 'file://other/clip.mp4', 'Expected a file URL such as'],
    ['whose URL is none', 'http://', 'Expected a URL, got http://.'],
  ])('%s', async (_, input, sentence) => {
    await expectRefusal(run({ input }), sentence);
  });

  it('where the worker allows no files, or no network', async () => {
    await expectRefusal(run({}, { protocols: ['https'] }), 'Expected an input by https, got file:');
    await expectRefusal(
      run({ input: 'http://127.0.0.1/a' }, { protocols: ['file'] }),
      'Expected an input by file, got http:',
    );
    await expectRefusal(run({}, { inputRoots: [] }), 'an allowed folder (there is none)');
  });

  it('that begins after its own end', async () => {
    await expectRefusal(run({ startSeconds: 60 }), "Expected startSeconds below the input's");
  });

  it('that the worker may not read', async () => {
    await asNobody(() => expectRefusal(run({ input: 'hidden.mp4' }), 'to be readable by the worker'));
  });
});

/** The superuser may read everything. */
async function asNobody(what: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return what();
  chmodSync(world, 0o755);
  process.seteuid?.(65_534);
  try {
    await what();
  } finally {
    process.seteuid?.(0);
  }
}

describe('an output is refused for good', () => {
  const outside = /^Expected an output beneath .*\/out, got .*\. Give a path relative to that folder\.$/;
  it.each([
    ['outside of the root', '/tmp/a.mp4', outside],
    ['outside of the root by dots', '../secrets/a.mp4', outside],
    ['outside of the root by dots inside', 'x/../../secrets/a.mp4', outside],
    ['through a link out of the root', 'tunnel/a.mp4', 'goes through a link that leads out of it'],
    [
      'through a link out of the root into a folder to be made',
      'tunnel/new/a.mp4',
      'goes through a link that leads out',
    ],
    ['through a link to nowhere', 'broken/a.mp4', 'Expected the folder of the output broken/a.mp4 to be a folder'],
    ['that is a folder', 'folder.mp4', 'Expected the output folder.mp4 to be a file, there is a folder of that name.'],
  ])('%s', async (_, output, sentence) => {
    await expectRefusal(run({ output }), sentence);
  });

  it('that is its own input', async () => {
    const result = run({ input: 'clip.mp4', output: 'clip.mp4' }, { outputRoot: inputs });
    await expectRefusal(result, 'Expected an output other than the input, got the same file.');
    expect(readdirSync(inputs)).toContain('clip.mp4');
  });

  it('on a disk that is too full', async () => {
    await expectRefusal(
      run({}, { diskFullPercent: 0 }),
      /^Expected the disk of .* to be at most 0 % full, it is [\d.]+ %/,
    );
  });

  it('that would not fit on the disk', async () => {
    const sentence = /^Expected about 1000000\.0 TB free in .* for the output, there is [\d.]+ [kMGT]?B\./;
    await expectRefusal(checkDisk(outputs, 1e18, { fullPercent: 100 }), sentence);
    await expect(checkDisk(outputs, 1000, { fullPercent: 100 })).resolves.toBeUndefined();
  });

  it('by its length and bitrate, else by the size of its input', () => {
    expect(estimateBytes({ bitrate: 8_000_000, seconds: 10, inputBytes: 5 })).toBe(10_000_000);
    expect(estimateBytes({ seconds: 10, inputBytes: 5 })).toBe(5);
    expect(estimateBytes({ seconds: 10 })).toBeUndefined();
  });
});

describe('a payload is refused', () => {
  it.each([
    [{ colour: 'red' }, 'got colour.'],
    [{ input: undefined }, 'Expected this field, it is missing.'],
    [{ input: 'a\0b' }, 'Expected no control characters.'],
    [{ codec: 'h266' }, 'Expected codec to be one of h264, libx264,'],
    [{ codec: 'vp8', hardware: 'nvenc' }, 'with nvenc, got vp8.'],
    [{ hardware: 'cuda' }, 'Expected hardware nvenc, vaapi or qsv.'],
    [{ bitrate: '1M', crf: 20 }, 'Expected bitrate or crf, got both. Leave one out.'],
    [{ bitrate: 'fast' }, 'Expected bits a second, such as'],
    [{ bitrate: 5 }, 'Expected from 1000 to 1000000000 bits a second.'],
    [{ crf: 60 }, 'Expected crf from 0 to 51 for libx264, got 60.'],
    [{ crf: 'good' }, 'Expected crf from 0 to 63.'],
    [{ preset: 'warp' }, 'Expected a preset of libx264 (ultrafast,'],
    [{ hardware: 'vaapi', preset: 'fast' }, 'Expected no preset, h264_vaapi has none, got fast.'],
    [{ resolution: '720' }, 'Expected a size such as "1280x720" or "720p".'],
    [{ resolution: '1281x720' }, 'Expected even sides up to 16384.'],
    [{ fps: 0 }, 'Expected frames a second from 1 to 240.'],
    [{ output: 'a.exe' }, 'Expected an output that ends in .mp4, .m4v, .mov, .mkv, .webm, .ts, .flv, got a.exe.'],
    [{ output: 'constructor' }, 'Expected an output that ends in'],
    [{ output: 'a.webm' }, 'Expected vp8, vp9, av1 in a .webm file, got h264.'],
  ])('%j', async (payload, sentence) => {
    const issues = await issuesOf(transcode({ clock }), { input: 'a.mp4', ...payload });
    expect(issues.join(' ')).toContain(sentence);
  });

  it('not for what is right, and its bitrate becomes a number', async () => {
    const checked = await transcode({ clock }).payload['~standard'].validate({ input: 'a.mp4', bitrate: '2.5M' });
    expect(checked).toEqual({ value: { input: 'a.mp4', bitrate: 2_500_000 } });
  });
});
