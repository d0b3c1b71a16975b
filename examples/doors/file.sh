#!/usr/bin/env bash
# Files: an input is put under the id that the job will have, the job reads it and writes an output, which is fetched.
# Run it where `yard up --handlers examples/doors/upper.ts` runs.
. "$(dirname "$0")/stage.sh"
id=door-file-$$
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo 'hello yard' >"$folder/text.txt"
yard file put "$id" "$folder/text.txt"
yard submit upper '{"file": "text.txt"}' --id "$id" --wait
yard file fetch "$id" upper.txt --to "$folder/upper.txt"
check 'the output is the input in capitals' 'HELLO YARD' "$(cat "$folder/upper.txt")"
