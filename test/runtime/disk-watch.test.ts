/** What is noted of a disk that fills, for doors to refuse in time. */

import { expect, test } from 'vitest';
import { watchDisk } from '../../cluster/disk-watch.ts';
import { ManualClock } from '../../runtime/memory/manual-clock.ts';

const mebibyte = 1_048_576;

/** A watched disk of 100 MiB, of which 10 are kept free, with jobs of 20 MiB. */
function watched({ copies = 1, earlier }: { copies?: number; earlier?: number } = {}) {
  const clock = new ManualClock();
  const disk = { all: 100 * mebibyte, free: 100 * mebibyte };
  const jobs = { bytes: 20 * mebibyte, most: earlier };
  const asked: unknown[] = [];
  const noted: (number | undefined)[] = [];
  const said: string[] = [];
  const link = {
    diskNote: async () => {
      asked.push(1);
      return { ...jobs };
    },
    noteDisk: async (most: number | undefined) => {
      jobs.most = most;
      noted.push(most === undefined ? undefined : most / mebibyte);
    },
  };
  const stop = watchDisk({
    dataDir: '/data',
    copies,
    link,
    clock,
    say: (line) => said.push(line),
    look: async () => disk,
  });
  const leave = async (free: number) => {
    disk.free = free * mebibyte;
    await clock.advance(1_000);
  };
  return { disk, jobs, asked, noted, said, stop, leave };
}

test('what the disk allows is noted, less what is kept free, and noted anew when that changes', async () => {
  const { noted, leave } = watched();
  await leave(80);
  expect(noted).toEqual([90]);
  await leave(79);
  expect(noted).toEqual([90]);
  await leave(40);
  expect(noted).toEqual([90, 50]);
  await leave(5);
  expect(noted.at(-1)).toBe(20);
});

test('several brokers here share what is left', async () => {
  const { noted, leave } = watched({ copies: 3 });
  await leave(40);
  expect(noted).toEqual([30]);
});

test('a person is told when new jobs are refused, and when they are taken again', async () => {
  const { said, leave } = watched();
  await leave(40);
  expect(said).toEqual([]);
  await leave(12);
  await leave(11);
  expect(said).toEqual([
    'The disk of /data is nearly full, 12 MiB are free: new jobs are refused until somebody makes room there. Jobs that exist go on.',
  ]);
  await leave(60);
  expect(said.at(-1)).toBe('The disk of /data has room again: new jobs are taken in.');
});

test('a person is told though jobs stop just below what is refused, and what is noted is a little off', async () => {
  const { jobs, said, leave } = watched();
  await leave(40);
  expect(jobs.most).toBe(50 * mebibyte);
  // The largest job has no room any more, and the disk allows 51.
  jobs.bytes = 45 * mebibyte - 60_000;
  await leave(16);
  expect(jobs.most).toBe(50 * mebibyte);
  expect(said).toHaveLength(1);
});

test('where there is plenty of room nobody is asked, once what an earlier cluster noted is gone', async () => {
  const { disk, asked, noted, leave } = watched({ earlier: 5 * mebibyte });
  disk.all = 1_000_000 * mebibyte;
  await leave(500_000);
  expect(noted).toEqual([undefined]);
  await leave(500_000);
  await leave(500_000);
  expect(asked).toHaveLength(1);
});
