#!/usr/bin/env bash
# Exercise 3: a worker is killed amid a job, and the job runs elsewhere.
. "$(dirname "$0")/stage.sh"
start --workers 2
until [ "$(yard worker list -o json | field it.length)" = 2 ]; do sleep 0.2; done
yard worker list -o json >workers.json

job=$(yard submit sleeper '{"executionTimeMs": 8000}' --max-attempts 4 --name long-running-job)
until worker=$(yard job get "$job" -o json | field 'it.state === "processing" ? it.context.worker : process.exit(1)'); do sleep 0.2; done
pid=$(field "it.find((one) => one.incarnation === '$worker').pid" <workers.json)
echo "worker $worker (process $pid) runs it: kill -9"
kill -9 "$pid"
settled "$job"

holds 'the job completes' 'it[0].state === "completed"'
holds 'its first attempt is known as lost' 'it[0].attempts[0].outcome === "lost"'
holds 'it took a second one' 'it[0].context.attempt === 2'
holds 'on another worker' 'it[0].attempts[1].worker !== it[0].attempts[0].worker'
yard job get "$job"
