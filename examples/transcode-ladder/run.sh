#!/usr/bin/env bash
# A film becomes a ladder: it is probed, encoded at three heights side by side, and packaged for HLS, as one workflow.
. "$(dirname "$0")/../exercises/stage.sh"
steps=$here/../transcode-ladder
ffmpeg=$(command -v ffmpeg || (cd "$here" && node -p 'require("@ffmpeg-installer/ffmpeg").path'))
[ -x "$ffmpeg" ] || chmod +x "$ffmpeg"
start --workers 1 --concurrency 4 --script-allow node

"$ffmpeg" -v error -nostdin -f lavfi -i testsrc2=size=640x360:rate=25 -f lavfi -i sine=frequency=440 -t 6 \
  -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac film.mp4
sed -e "s#STEPS#$steps#; s#FFMPEG#$ffmpeg#" "$steps/ladder.json" >film.json
yard workflow submit film.json --wait
yard job list --limit 100 -o json | field 'JSON.stringify(Object.fromEntries(it.map((job) => [job.id.slice("ladder-".length), job])))' >jobs.json

rungs='[it["rung-1"], it["rung-2"], it["rung-3"]]'
holds 'all five jobs complete' 'Object.values(it).length === 5 && Object.values(it).every((job) => job.state === "completed")'
holds 'no rung starts before the film is probed' "$rungs.every((job) => job.startedAt >= it.probe.settledAt)"
holds 'the rungs are encoded side by side' \
  "Math.max(...$rungs.map((job) => job.startedAt)) < Math.min(...$rungs.map((job) => job.settledAt))"
holds 'packaging starts once the last of them is there' \
  "$rungs.every((job) => it.package.startedAt >= job.settledAt)"
holds 'each has the height that was asked for' "$rungs.map((job) => job.context.result.height).join() === '360,240,144'"
check 'the playlist names the three, the best first' '640x360 426x240 256x144' \
  "$(grep -o 'RESOLUTION=[0-9x]*' out/master.m3u8 | cut -d= -f2 | paste -sd' ')"
for rung in $(grep -v '^#' out/master.m3u8); do
  for segment in $(grep -v '^#' "out/$rung"); do [ -s "out/$(dirname "$rung")/$segment" ] || missing="${missing:-} $segment"; done
  check "$rung is as long as the film, to a quarter of a second" true "$(grep -o 'EXTINF:[0-9.]*' "out/$rung" |
    node -p 'Math.abs(require("node:fs").readFileSync(0, "utf8").split("\n").reduce((sum, line) => sum + Number(line.slice(7)), 0) - 6) < 0.25')"
done
check 'every segment that a playlist names is there' '' "${missing:-}"
yard workflow get ladder
