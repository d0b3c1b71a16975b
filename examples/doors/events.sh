#!/usr/bin/env bash
# Server-Sent Events: a listener is cut off amid a job and comes back with the last id that it heard.
# It hears each transition once. Run it where `yard up` runs.
. "$(dirname "$0")/stage.sh"
http=$(field 'it.httpUrls[0]' <.yard/up.json)
id=door-events-$$
heard=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$heard"' EXIT
listen() { curl -sN "$http/v1/events?id=$id" "${@:2}" >"$heard/$1" & }
hears() { until grep -qs "^$2" "$heard/$1"; do sleep 0.1; done; }

listen first
hears first 'id:'
curl -sf "$http/v1/jobs" -d "{\"type\":\"sleeper\",\"id\":\"$id\",\"payload\":{\"executionTimeMs\":1000}}" >"$heard/job"
hears first 'event: processing'
kill $!
listen rest -H "Last-Event-ID: $(grep '^id:' "$heard/first" | tail -n 1 | cut -d ' ' -f 2)"
hears rest 'event: completed'

told=$(cat "$heard/first" "$heard/rest" | grep '^event:' | cut -d ' ' -f 2 | paste -sd ' ')
echo "$told"
check 'each transition once' "$(curl -sf "$http/v1/jobs/$id" | field 'it.transitions.map(({ to }) => to).join(" ")')" "$told"
