import { describe, expect, it } from 'vitest';
import { parseQuality } from '../../handlers/transcode/quality.ts';
import { resultOf } from '../../handlers/transcode/result.ts';

describe('the figures of ffmpeg', () => {
  it('are SSIM and PSNR over all planes', () => {
    const text = `[Parsed_psnr_6 @ 0x1] PSNR y:25.68 u:24.24 v:21.93 average:24.566615 min:24.2 max:25.2
[Parsed_ssim_5 @ 0x2] SSIM Y:0.825303 (7.57) U:0.794174 (6.86) V:0.810696 (7.22) All:0.817680 (7.391659)`;
    expect(parseQuality(text)).toEqual({ ssim: 0.81768, psnr: 24.566615 });
  });

  it('have no PSNR for equal pictures, and none at all where none were printed', () => {
    const equal = 'PSNR y:inf u:inf v:inf average:inf min:inf max:inf\nSSIM Y:1.0 (inf) All:1.000000 (inf)';
    expect(parseQuality(equal)).toEqual({ ssim: 1 });
    expect(parseQuality('frame=   30 fps=0.0')).toEqual({});
  });
});

describe('the efficiency of a transcode', () => {
  const outcome = {
    output: '/out/a.mp4',
    encoder: 'libx264',
    made: { hasAudio: false, durationSeconds: 2, video: { codec: 'h264', width: 100, height: 50 } },
    encoded: { frames: 40, seconds: 4 },
    energy: { joules: 10, source: 'estimated' as const, parts: [] },
    quality: { vmaf: 90 },
    sizeBytes: 1000,
  };

  it('is pixels by quality by joules', () => {
    expect(resultOf(outcome)).toMatchObject({ fps: 10, speed: 0.5, qoeEfficiency: (100 * 50 * 40 * 0.9) / 10 });
  });

  it('is absent where quality or energy are not known', () => {
    expect(resultOf({ ...outcome, quality: { ssim: 0.9 } })).not.toHaveProperty('qoeEfficiency');
    expect(resultOf({ ...outcome, energy: undefined })).not.toHaveProperty('qoeEfficiency');
  });
});
