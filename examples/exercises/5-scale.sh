#!/usr/bin/env bash
# Exercise 5: more workers, more throughput.
. "$(dirname "$0")/stage.sh"
start --workers 1 --concurrency 2

# Holds its jobs until all are submitted, then lets them go together.
run() {
  local moment
  moment=$(node -p 'new Date(Date.now() + 8000).toISOString()')
  for n in 1 2 3 4 5 6; do yard submit sleeper '{"executionTimeMs": 3000}' --run-at "$moment" --name "scale-test-$n" >"$1-$n" & done
  while [ "$(cat "$1"-? 2>/dev/null | wc -l)" -lt 6 ]; do sleep 0.2; done
  settled $(cat "$1"-?)
  field 'Math.max(...it.map((job) => job.settledAt)) - Math.min(...it.map((job) => job.startedAt))' <jobs.json >"$1.ms"
}

run one
more more-1 --concurrency 2
more more-2 --concurrency 2
until [ "$(yard worker list -o json | field it.length)" = 3 ]; do sleep 0.2; done
run three
echo "one worker: $(cat one.ms) ms, three workers: $(cat three.ms) ms"
check 'three workers need at most two thirds of the time' true "$(node -p "$(cat three.ms) * 3 <= $(cat one.ms) * 2")"
holds 'all three took some' 'new Set(it.map((job) => job.attempts[0].worker)).size === 3'
yard scale advise
