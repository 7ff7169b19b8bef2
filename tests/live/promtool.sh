#!/usr/bin/env bash
# promtool accepts our blocks, dumps from them what we dump, and we read the blocks that it makes.
. "$(dirname "$0")/lib.sh"

start=1700006400
generate=(--targets 2 --interval 60s --blocks 2 --start "${start}000")

"$STRATAL" block generate "${generate[@]}" --out "$scratch/blocks" >/dev/null
mkdir "$scratch/ours"
"$STRATAL" block compact --out "$scratch/ours" "$scratch"/blocks/* >/dev/null
# A read-only open looks for a log, which our directory has not.
mkdir "$scratch/ours/wal"
block=$(basename "$(dirname "$(find "$scratch/ours" -name meta.json)")")

"$PROMTOOL" tsdb list "$scratch/ours" | grep -q "$block" || fail "tsdb list does not name $block"
"$PROMTOOL" tsdb analyze "$scratch/ours" "$block" >"$scratch/analyze.txt" || fail "tsdb analyze refuses $block"
grep -q "Block ID: $block" "$scratch/analyze.txt" || fail "tsdb analyze does not know $block"
"$PROMTOOL" tsdb dump "$scratch/ours" | LC_ALL=C sort >"$scratch/theirs.dump"
"$STRATAL" block dump "$scratch/ours/$block" | LC_ALL=C sort >"$scratch/ours.dump"
[ -s "$scratch/ours.dump" ] || fail "our dump is empty"
cmp "$scratch/theirs.dump" "$scratch/ours.dump" || fail "dumps differ"

# The same text, imported by promtool and by us.
"$STRATAL" block generate "${generate[@]}" --openmetrics >"$scratch/text.om"
mkdir "$scratch/promtool"
"$PROMTOOL" tsdb create-blocks-from openmetrics "$scratch/text.om" "$scratch/promtool" >/dev/null
"$STRATAL" block import --openmetrics "$scratch/text.om" --out "$scratch/import" >/dev/null
digests() {
    "$STRATAL" block digest "$1"/*/ | awk '{ print $2, $3, $4 }' | sort
}
[ -n "$(digests "$scratch/promtool")" ] || fail "promtool made no blocks"
[ "$(digests "$scratch/promtool")" = "$(digests "$scratch/import")" ] || fail "imports differ"
"$STRATAL" block verify "$scratch"/promtool/*/ >/dev/null || fail "promtool's blocks do not verify"
echo "promtool lists, analyzes and dumps $block; imports agree"
