# What these examples share. They speak to the `yard up` of the working directory: its file says where each door is.
# `yard` is the installed command, or the one of this checkout.
set -euo pipefail
doors=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if installed=$(command -v yard); then words=("$installed"); else words=(node "$doors/../../bin/yard.js"); fi
yard() { "${words[@]}" "$@"; }

# field CODE: what JavaScript makes of the JSON on standard input, named `it`.
field() { node -p "const it = JSON.parse(require('node:fs').readFileSync(0, 'utf8')); $1"; }

# check CLAIM EXPECTED MET: the example fails where they differ.
check() { [ "$2" = "$3" ] || { echo "NOT SO: $1: expected $2, met $3" >&2; exit 1; }; }
