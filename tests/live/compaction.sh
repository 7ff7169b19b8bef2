#!/usr/bin/env bash
# Nine aligned blocks compacted by Prometheus itself and by us: chunk files equal, index equal section by section.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/equal.sh"

start=1700006400
start=$((start / 64800 * 64800 + 64800)) # 18 h ranges begin at multiples of 18 h

"$STRATAL" block generate --targets 4 --interval 60s --blocks 11 --start "${start}000" --out "$scratch/all" >/dev/null
mkdir "$scratch/ours"
nine=()
for meta in "$scratch"/all/*/meta.json; do
    min=$(sed -n 's/.*"minTime": *\([0-9]*\).*/\1/p' "$meta" | head -1)
    [ "$min" -ge "$(((start + 64800) * 1000))" ] || nine+=("$(dirname "$meta")")
done
[ "${#nine[@]}" = 9 ] || fail "${#nine[@]} blocks lie in the range"
"$STRATAL" block compact --out "$scratch/ours" "${nine[@]}" >/dev/null
ours=$(dirname "$(find "$scratch/ours" -name meta.json)")

# With 6 h and 18 h as its ranges Prometheus goes from nine to one in one step, about a minute after it starts.
cp -r "$scratch/all" "$scratch/theirs"
start_prometheus "$scratch/theirs" --storage.tsdb.min-block-duration=6h --storage.tsdb.max-block-duration=18h
theirs=
for _ in $(seq 180); do
    for meta in "$scratch"/theirs/*/meta.json; do
        if grep -q '"level": *2' "$meta" 2>/dev/null; then theirs=$(dirname "$meta"); fi
    done
    [ -z "$theirs" ] || break
    sleep 1
done
[ -n "$theirs" ] || fail "Prometheus did not compact within three minutes"

equal_blocks "$theirs" "$ours"
