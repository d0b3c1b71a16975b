#!/usr/bin/env bash
# The command: a job is submitted and waited for, then read as JSON, with its log.
# Run it where `yard up` runs.
. "$(dirname "$0")/stage.sh"
id=door-command-$$
yard submit sleeper '{"executionTimeMs": 100}' --id "$id" --wait
yard job get "$id" -o json | field 'it.transitions.map(({ to }) => to).join(" ")'
yard job logs "$id"
check 'it has completed' completed "$(yard job get "$id" -o json | field it.state)"
