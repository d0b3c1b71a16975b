#!/usr/bin/env bash
# Exercise 4: jobs that fail, are tried again after growing gaps, and end in the dead letter when nothing helps.
. "$(dirname "$0")/stage.sh"
start --workers 1

flaky=$(yard submit flaky '{"failAttempts": 3}' --max-attempts 4 --backoff 'exponential(1s, x2)' --name flaky-job)
hopeless=$(yard submit always_fail --max-attempts 2 --backoff 'fixed(200ms)' --name hopeless-job)
chance=$(yard submit noop '{"executionTimeMs": 50, "failRate": 0.7}' --max-attempts 6 --backoff 'fixed(100ms)')
settled "$flaky" "$hopeless" "$chance"

holds 'three failures and a success' 'it[0].state === "completed" && it[0].context.attempt === 4'
for n in 1 2 3; do
  holds "the gap after attempt $n is $((2 ** (n - 1))) s" \
    "((ms) => ms >= 1000 * 2 ** ($n - 1) && ms < 1000 * 2 ** ($n - 1) + 900)(it[0].attempts[$n].startedAt - it[0].attempts[$n - 1].endedAt)"
done
holds 'what always fails is in the dead letter after all of its attempts' 'it[1].state === "failed" && it[1].context.attempt === 2'
holds 'with its error' 'it[1].context.error.message.startsWith("Failed on purpose")'
holds 'by chance, at most six attempts' 'it[2].context.attempt <= 6'
yard job list --state failed
