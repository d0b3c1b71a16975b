import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ffmpeg } from '../../handlers/ffmpeg/tool.ts';
import { parseGpus, readGpus } from '../../handlers/gpu.ts';
import { measure } from '../../handlers/inventory.ts';
import { startEnergy } from '../../handlers/transcode/energy.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { StillClock } from './clock.ts';

const recorded = (name: string) => join(import.meta.dirname, 'recorded', name);
const read = (name: string) => readFileSync(recorded(name), 'utf8');
const clock = new SystemClock();
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gpu-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** An `nvidia-smi` that says what a real one said. */
function nvidiaSmi(name: string, exitCode = 0): string {
  const path = join(folder, 'nvidia-smi');
  writeFileSync(path, `#!/bin/sh\ncat '${recorded(name)}'\nexit ${exitCode}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('what nvidia-smi says', () => {
  it('is read for one GPU', () => {
    expect(parseGpus(read('nvidia-smi-one.csv'))).toEqual([
      {
        index: 0,
        name: 'NVIDIA GeForce RTX 3060',
        memoryMb: 12288,
        memoryUsedMb: 431,
        utilizationPercent: 7,
        temperatureC: 41,
        powerW: 17.36,
      },
    ]);
  });

  it('is read for several GPUs', () => {
    const gpus = parseGpus(read('nvidia-smi-two.csv'));
    expect(gpus.map(({ index, name, memoryMb }) => [index, name, memoryMb])).toEqual([
      [0, 'NVIDIA A10', 23028],
      [1, 'Tesla T4', 15360],
    ]);
  });

  it('leaves out the figures that a GPU does not give', () => {
    const [first, second, third] = parseGpus(read('nvidia-smi-not-available.csv'));
    expect(first).toEqual({ index: 0, name: 'NVIDIA GB10', utilizationPercent: 0, temperatureC: 44, powerW: 5.12 });
    expect(second).toEqual({ index: 1, name: 'Quadro K600', memoryMb: 980, memoryUsedMb: 12, temperatureC: 52 });
    expect(third).not.toHaveProperty('utilizationPercent');
  });

  it.each(['nvidia-smi-none.txt', 'nvidia-smi-no-driver.txt', 'nvidia-smi-mismatch.txt'])(
    'is no GPU where it is a complaint (%s)',
    (name) => {
      expect(parseGpus(read(name))).toEqual([]);
    },
  );

  it('counts for nothing where the program fails or is not there', async () => {
    expect(await readGpus({ clock, command: nvidiaSmi('nvidia-smi-two.csv') })).toHaveLength(2);
    expect(await readGpus({ clock, command: nvidiaSmi('nvidia-smi-two.csv', 9) })).toEqual([]);
    expect(await readGpus({ clock, command: join(folder, 'none') })).toEqual([]);
  });
});

describe('the inventory of a worker', () => {
  const missing = new Ffmpeg({ clock, ffmpeg: '/nowhere/ffmpeg' });

  it('has the GPUs that the driver tells of, with the memory of each where they differ', async () => {
    const nvidia = nvidiaSmi('nvidia-smi-two.csv');
    expect(await measure({ clock, ffmpeg: missing, nvidiaSmi: nvidia })).toMatchObject({
      gpu: 2,
      vramMb: 15360,
      vramsMb: [23028, 15360],
      vendor: 'nvidia',
      encoders: [],
    });
  });

  it('has those GPUs alone that its operator lets it see', async () => {
    const nvidia = nvidiaSmi('nvidia-smi-two.csv');
    const seen = (visible: string) => measure({ clock, ffmpeg: missing, nvidiaSmi: nvidia, visible });
    expect(await seen('1')).toMatchObject({ gpu: 1, gpus: ['1'], vramMb: 15360 });
    expect(await seen('1')).not.toHaveProperty('vramsMb');
    expect(await seen('1,0')).toMatchObject({ gpu: 2, gpus: ['1', '0'], vramsMb: [15360, 23028] });
    expect(await seen('')).toMatchObject({ gpu: 0, gpus: [] });
    expect(await seen('7')).toMatchObject({ gpu: 0, gpus: [] });
  });

  it('has each GPU with its own encoders, where some do not do what others do', async () => {
    const path = join(folder, 'picky-ffmpeg');
    // Knows two encoders; of those of GPUs one works on the first alone, and one on both.
    const script = `#!/bin/sh
case "$*" in
  *libx264*|*h264_nvenc*) exit 0;;
  *av1_nvenc*) case "$CUDA_VISIBLE_DEVICES" in 1) exit 1;; *) exit 0;; esac;;
  *) exit 1;;
esac
`;
    writeFileSync(path, script);
    chmodSync(path, 0o755);
    const seen = (visible?: string) =>
      measure({
        clock,
        ffmpeg: new Ffmpeg({ clock, ffmpeg: path }),
        nvidiaSmi: nvidiaSmi('nvidia-smi-two.csv'),
        visible,
      });
    expect(await seen()).toMatchObject({
      encoders: ['libx264', 'h264_nvenc'],
      vendor: 'nvidia',
      kinds: [
        { name: '0', vramMb: 23028, vendor: 'nvidia', encoders: ['h264_nvenc', 'av1_nvenc'] },
        { name: '1', vramMb: 15360, vendor: 'nvidia', encoders: ['h264_nvenc'] },
      ],
    });
    const alone = await seen('0');
    expect(alone).toMatchObject({ encoders: ['libx264', 'h264_nvenc', 'av1_nvenc'] });
    expect(alone).not.toHaveProperty('kinds');
  });

  it('has no GPU where none answers, and the encoders that work', async () => {
    const inventory = await measure({ clock, nvidiaSmi: join(folder, 'none'), drm: folder });
    expect(inventory.encoders).toContain('libx264');
    expect(inventory.encoders).not.toContain('h264_nvenc');
    expect(inventory).toMatchObject({ gpu: 0, vramMb: 0 });
    expect(inventory.memoryMb).toBeGreaterThan(100);
    expect(inventory.cpus).toBeGreaterThanOrEqual(1);
  });
});

describe('the energy of an encode', () => {
  const none = () => join(folder, 'none');

  it('is estimated from CPU seconds where nothing measures it', async () => {
    const meter = await startEnergy({ clock, wattsPerCore: 8, powercap: none() });
    expect(await meter.read(2.5)).toEqual({
      joules: 20,
      source: 'estimated',
      cpuSeconds: 2.5,
      parts: [{ of: 'cpu', joules: 20, source: 'estimated' }],
    });
  });

  it('is absent where not even the CPU seconds are known', async () => {
    const meter = await startEnergy({ clock, wattsPerCore: 8, powercap: none() });
    expect(await meter.read(undefined)).toBeUndefined();
  });

  it('is read from RAPL where the kernel shows it, over the point where a counter begins anew', async () => {
    zone('intel-rapl:0', 9_000_000, 10_000_000);
    zone('intel-rapl:1', 1_000_000, 10_000_000);
    zone('intel-rapl:0:0', 0, 10_000_000);
    const meter = await startEnergy({ clock, wattsPerCore: 8, powercap: folder });
    zone('intel-rapl:0', 2_000_000, 10_000_000);
    zone('intel-rapl:1', 1_500_000, 10_000_000);
    zone('intel-rapl:0:0', 5_000_000, 10_000_000);
    // A job that used more CPU time than the machine has had since then is all of its load.
    expect(await meter.read(1000)).toMatchObject({ joules: 3.5, source: 'rapl' });
  });

  it('adds the power of the GPU over time', async () => {
    const still = new StillClock();
    const readings = [100, 200, 200];
    const readGpus = async () => [
      { index: 0, name: 'of another job', powerW: 300 },
      { index: 1, name: 'its own', powerW: readings.shift() ?? 0 },
    ];
    using meter = await startEnergy({ clock: still, wattsPerCore: 10, device: '1', powercap: none(), readGpus });
    still.pass(1000);
    const energy = await meter.read(1);
    expect(energy).toMatchObject({ joules: 160, source: 'nvml', cpuSeconds: 1 });
    expect(energy?.parts.map(({ of, source }) => [of, source])).toEqual([
      ['gpu', 'nvml'],
      ['cpu', 'estimated'],
    ]);
    expect(still.timers).toBe(0);
  });

  function zone(name: string, microjoules: number, range: number): void {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, 'energy_uj'), `${microjoules}\n`);
    writeFileSync(join(folder, name, 'max_energy_range_uj'), `${range}\n`);
  }
});
