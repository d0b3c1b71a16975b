#!/usr/bin/env bash
# Makes jobs of what cameras say to an MQTT broker of their own. Needs a cluster (`yard up`) and that broker's address:
#   YARD_MQTT_URL=mqtt://plant.local:1883 bash examples/mqtt-bridge.sh
# A camera says, with quality 1:  cameras/7/frame  {"id":"7-0001","executionTimeMs":500}
set -euo pipefail
: "${YARD_MQTT_URL:?Expected the address of the outside broker in YARD_MQTT_URL.}"

exec node "$(dirname "$0")/../bin/yard.js" bridge mqtt --topic 'cameras/+/frame=sleeper' --id-field id --topic-prefix plant
