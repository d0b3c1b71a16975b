#!/usr/bin/env bash
# A mixed load with all of its flags, on three workers of twelve slots each, of which one is killed amid it.
. "$(dirname "$0")/exercises/stage.sh"
start --workers 3 --concurrency 12
until [ "$(yard worker list -o json | field it.length)" = 3 ]; do sleep 0.2; done
yard worker list -o json >workers.json

yard load -n 1000 -w 16 --pct-noop 80 --pct-flaky 10 --pct-fail 5 --pct-sleep 5 --sleep-ms 8000 --flaky-attempts 2 \
  -o json >load.json &
load=$!
sleeps='it.find((job) => job.type === "sleeper")?.context.worker ?? process.exit(1)'
until worker=$(yard job list --state processing -o json | field "$sleeps"); do sleep 0.2; done
pid=$(field "it.find((one) => one.incarnation === '$worker').pid" <workers.json)
echo "worker $worker (process $pid) has a job that sleeps: kill -9"
kill -9 "$pid"
ended=0
wait "$load" || ended=$?
check 'each job ends as its type must' 0 "$ended"

cat load.json
cp load.json jobs.json
holds 'all thousand have ended' 'it.jobs === 1000 && it.wrong.length === 0'
holds 'of them 5 % in the dead letter, though a worker died' 'it.failedPercent === 5'
# A flaky job goes by the number of its attempt, and claims that came to no start have numbers too: so it may fail less often.
holds 'the fifty that always fail were tried three times more' 'it.retries >= 50 * 3'
holds 'what the dead worker held was taken back' 'it.reaped >= 1'
# What the dead worker held counts until it is taken back, and another worker is there in its place by then.
holds 'never more was in flight than there are slots' 'it.inFlight > 12 && it.inFlight <= 36 + 12'
holds 'drain time and throughput agree' 'Math.abs(it.jobsPerSecond - 1e6 / it.drainMs) <= 1'
holds 'run and wait have a 95th percentile' 'it.runMs.p95 > 0 && it.waitMs.p95 >= it.waitMs.p50'
yard dead groups
yard load -n 200 -w 8
