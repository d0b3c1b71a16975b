# What the exercises share: a cluster of their own on free ports, in a folder that is removed at the end.
# Sourced by each of them. `yard` is the installed command, or the one of this checkout.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if installed=$(command -v yard); then words=("$installed"); else words=(node "$here/../../bin/yard.js"); fi
yard() { "${words[@]}" "$@"; }
work=$(mktemp -d)
cd "$work"

# start FLAGS…: a cluster with these flags, ready when it returns.
start() {
  yard up --port free "$@" >up.log 2>&1 &
  trap stop EXIT
  until grep -qs 'leads, term' up.log; do sleep 0.2; done
}

# more NAME FLAGS…: one more worker, of this exercise alone.
workers=()
more() {
  "${words[@]}" worker --name "$@" >"$1.log" 2>&1 &
  workers+=($!)
}

# stop: what `start` and `more` started is gone, and so is its folder.
stop() {
  for pid in ${workers[@]+"${workers[@]}"}; do kill "$pid" 2>/dev/null || true; wait "$pid" || true; done
  yard down >down.log 2>&1 || true
  rm -rf "$work"
}

# field CODE: what JavaScript makes of the JSON on standard input, named `it`: field it.context.attempt
field() { node -p "const it = JSON.parse(require('node:fs').readFileSync(0, 'utf8')); $1"; }

# settled JOB…: waits until all of these have ended, however they do, and keeps their records, in this order, in jobs.json.
settled() {
  for job; do yard job watch "$job" >/dev/null 2>&1 || true; done
  yard job list --limit 1000 -o json | field "JSON.stringify('$*'.split(' ').map((id) => it.find((job) => job.id === id)))" >jobs.json
}

# check CLAIM EXPECTED MET: says whether a claim holds; the exercise fails where it does not.
check() {
  if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "NOT SO: $1: expected $2, met $3" >&2; exit 1; fi
}

# holds CLAIM CODE: the same, by what JavaScript makes of jobs.json, named `it`.
holds() { check "$1" true "$(field "$2" <jobs.json)"; }
