/**
 * The last job of the ladder: cuts each rung into segments for HLS, and writes the playlist that names them all.
 *
 * Run by a `script` job, which has the results of the jobs that it waited for in JOB_INPUTS: node package.ts FFMPEG FOLDER
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const [ffmpeg = 'ffmpeg', folder = '.'] = process.argv.slice(2);

const results = z.object({
  probe: z.object({ stdout: z.string() }),
  rung: z.array(
    z.object({
      output: z.string(),
      sizeBytes: z.number(),
      durationSeconds: z.number(),
      width: z.number(),
      height: z.number(),
    }),
  ),
});
const { probe, rung } = results.parse(JSON.parse(process.env['JOB_INPUTS'] ?? '{}'));
const { height } = z.object({ height: z.number() }).parse(JSON.parse(probe.stdout));

const lines = ['#EXTM3U', '#EXT-X-VERSION:3'];
for (const made of rung.filter((each) => each.height <= height)) {
  const name = String(made.height);
  mkdirSync(join(folder, name), { recursive: true });
  const copy = ['-c', 'copy', '-f', 'hls', '-hls_time', '2', '-hls_playlist_type', 'vod'];
  const playlist = join(folder, name, 'index.m3u8');
  execFileSync(ffmpeg, ['-v', 'error', '-nostdin', '-y', '-i', join(folder, `${name}.mp4`), ...copy, playlist]);
  const bandwidth = Math.round((8 * made.sizeBytes) / made.durationSeconds);
  lines.push(`#EXT-X-STREAM-INF:BANDWIDTH=${bandwidth},RESOLUTION=${made.width}x${made.height}`, `${name}/index.m3u8`);
}
writeFileSync(join(folder, 'master.m3u8'), `${lines.join('\n')}\n`);
console.log(`${join(folder, 'master.m3u8')} names ${rung.length} rungs.`);
