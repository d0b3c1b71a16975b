#!/usr/bin/env bash
# Exercise 2: jobs that run later.
. "$(dirname "$0")/stage.sh"
start --workers 1

later=$(yard submit noop --delay 3s --name delayed-notification)
timed=$(yard submit noop --run-at "$(node -p 'new Date(Date.now() + 5000).toISOString()')" --name timed-job)
never=$(yard submit noop --delay 1h --name never)
yard job cancel "$never" >cancelled
settled "$later" "$timed" "$never"

holds 'until its moment each is scheduled' 'it.every((job) => job.transitions[0].to === "scheduled")'
holds 'then it completes' 'it.slice(0, 2).every((job) => job.state === "completed")'
holds 'none starts before its moment' 'it[0].startedAt - it[0].createdAt >= 3000'
holds 'one that is cancelled in time never runs' 'it[2].state === "cancelled" && it[2].context.attempt === 0'
yard job get "$later"
