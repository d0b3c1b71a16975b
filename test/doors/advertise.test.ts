/** What an operator declares of a worker. */

import { describe, expect, test } from 'vitest';
import { parseAdvertised } from '../../cluster/advertise.ts';

describe('what is declared of a worker', () => {
  test.each([
    ['', {}],
    [
      'gpu=1,vram=8000,vendor=nvidia,encoder=h264_nvenc',
      { gpu: 1, vramMb: 8000, vendor: 'nvidia', encoders: ['h264_nvenc'] },
    ],
    ['gpu=2,vram=8000,vram=24000', { gpu: 2, vramMb: 8000, vramsMb: [8000, 24000] }],
    ['gpu=2,vendor=nvidia,vendor=nvidia', { gpu: 2, vendor: 'nvidia' }],
    ['disk=5,memory=6,slots=7', { diskMb: 5, memoryMb: 6, slots: 7 }],
    [
      'gpu=2,vram=8000,vendor=nvidia,vendor=amd,encoder=libx264,encoder=0:h264_nvenc,encoder=0:av1_nvenc',
      {
        gpu: 2,
        vramMb: 8000,
        encoders: ['libx264'],
        gpus: [
          { name: '0', vramMb: 8000, vendor: 'nvidia', encoders: ['h264_nvenc', 'av1_nvenc'] },
          { name: '1', vramMb: 8000, vendor: 'amd', encoders: [] },
        ],
      },
    ],
  ])('by `%s` is read', (text, capacity) => {
    expect(parseAdvertised(text).capacity).toEqual(capacity);
  });

  test.each([
    [
      'gpus=1',
      'Expected `advertise` to be pairs of gpu, vram, vendor, encoder, disk, memory, slots and a value, got `gpus=1`.',
    ],
    ['vram=many', 'got `vram=many`'],
    ['slots=0', 'got `slots=0`'],
    ['gpu', 'got `gpu`'],
    ['gpu=3,vram=1,vram=2', 'once for each of 3 GPUs, got it 2 times'],
    ['gpu=3,vendor=amd,vendor=intel', 'to say `vendor` once, or once for each of 3 GPUs, got it 2 times'],
    ['gpu=1,encoder=1:av1_nvenc', 'to say `encoder` of one of 1 GPUs, the first of which is 0, got 1'],
  ])('by `%s` is refused', (text, sentence) => {
    expect(() => parseAdvertised(text)).toThrow(sentence);
  });
});
