#!/usr/bin/env bash
# HTTP: a job is submitted under an idempotency key, and the answer waits for its end.
# Said again under the same key, it is the same job. Run it where `yard up` runs.
. "$(dirname "$0")/stage.sh"
http=$(field 'it.httpUrls[0]' <.yard/up.json)
body='{"type":"noop","payload":{"executionTimeMs":100}}'
submit() { curl -sf "$http/v1/jobs" -H "Idempotency-Key: door-http-$$" -H 'Prefer: wait=20' -d "$body"; }

id=$(submit | field it.id)
check 'the same key is the same job' "$id" "$(submit | field it.id)"
curl -sf "$http/v1/jobs/$id" | field 'JSON.stringify(it.context.result)'
check 'it has completed' completed "$(curl -sf "$http/v1/jobs/$id" | field it.state)"
