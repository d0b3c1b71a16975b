#!/usr/bin/env bash
# Starts a cluster of its own on free ports, runs every example beside this file against it, and says of each whether its claim held.
. "$(dirname "$0")/stage.sh"
work=$(mktemp -d)
cd "$work"
# The command itself, not by way of `yard`: what ends a shell that waits for it would leave it running.
"${words[@]}" up --free-ports --port free --http-port free --mqtt-port free --workers 1 --webhook-private yes --handlers "$doors/upper.ts" >up.log 2>&1 &
up=$!
trap 'kill $up 2>/dev/null || true; wait $up || true; rm -rf "$work"' EXIT
until grep -qs '^Yardmaster is up' up.log; do
  kill -0 $up 2>/dev/null || { cat up.log >&2; exit 1; }
  sleep 0.2
done
NATS_URL=$(field it.url <.yard/up.json)
MQTT_URL=$(field it.mqttUrl <.yard/up.json)
export NATS_URL MQTT_URL

failed=0
for example in http.sh events.sh nats.ts service.ts mqtt.ts sdk.ts webhook.ts command.sh file.sh; do
  if case $example in *.sh) timeout 60 bash "$doors/$example" ;; *) timeout 60 node "$doors/$example" ;; esac >said.log 2>&1; then
    echo "ok: $example"
  else
    echo "failed: $example"
    cat said.log >&2
    failed=1
  fi
done
exit $failed
