/**
 * The first job of the ladder: what the source is, as JSON on standard output, which later jobs find in `inputs.probe.stdout`.
 *
 * Run by a `script` job: node probe.ts FFMPEG SOURCE
 */

import { spawnSync } from 'node:child_process';

const [ffmpeg = 'ffmpeg', source = ''] = process.argv.slice(2);

// Without an output ffmpeg says what the input is, and that there is no output.
const { stderr } = spawnSync(ffmpeg, ['-hide_banner', '-nostdin', '-i', source], { encoding: 'utf8' });
const [, hours = '', minutes = '', seconds = ''] = /Duration: (\d+):(\d+):([\d.]+)/.exec(stderr) ?? [];
const [, width = '', height = ''] = /Video: .*?, (\d{2,5})x(\d{2,5})/.exec(stderr) ?? [];
if (seconds === '' || height === '') {
  console.error(`Expected a film at ${source}, got:\n${stderr}`);
  process.exit(1);
}
const durationSeconds = 3_600 * Number(hours) + 60 * Number(minutes) + Number(seconds);
console.log(JSON.stringify({ source, durationSeconds, width: Number(width), height: Number(height) }));
