#!/usr/bin/env bash
# Installs what the tests need from Debian. Asks apt only for what is missing, so it is quick where all is there.
# `ps` (procps): the tests count which processes are left after a kill. `openssl`: they make certificates for a broker.
# `chromium`: the pages of the console are used in it.
# `curl`, `jq`: they ask the HTTP API as the pages of other schedulers do.
# `mosquitto-clients`: `mosquitto_pub` and `mosquitto_sub` submit and listen by MQTT.
# `prometheus`: it runs the expressions of dashboards and alerts; without it those tests are left out.
set -euo pipefail

packages=(procps openssl prometheus chromium curl jq mosquitto-clients)

missing=()
for package in "${packages[@]}"; do
  dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done

if [ ${#missing[@]} -eq 0 ]; then
  echo "test/setup-debian.sh: nothing to install"
  exit 0
fi

sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -q
"${sudo[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"
