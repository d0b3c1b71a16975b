#!/usr/bin/env bash
# Exercise 1: jobs that run at once, shared by two workers.
. "$(dirname "$0")/stage.sh"
start --workers 2 --concurrency 2

first=$(yard submit sleeper '{"executionTimeMs": 500}' --name my-first-job)
echo "submitted $first"
for n in 1 2 3 4 5 6; do yard submit sleeper '{"executionTimeMs": 6000}' --name "batch-job-$n" >"batch-$n" & done
while [ "$(cat batch-* 2>/dev/null | wc -l)" -lt 6 ]; do sleep 0.2; done
settled "$first" $(cat batch-*)

holds 'all seven complete' 'it.every((job) => job.state === "completed")'
holds 'each began as pending' 'it.every((job) => job.transitions[0].to === "pending")'
holds 'each took one attempt' 'it.every((job) => job.context.attempt === 1)'
holds 'both workers took some' 'new Set(it.map((job) => job.attempts[0].worker)).size === 2'
yard status
