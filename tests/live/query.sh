#!/usr/bin/env bash
# Prometheus starts on a directory with our compacted block and answers as over the sources.
. "$(dirname "$0")/lib.sh"

start=1700006400 # a multiple of 2 h
end=$((start + 3 * 7200))

"$STRATAL" block generate --targets 3 --interval 15s --blocks 3 --start "${start}000" --out "$scratch/sources" >/dev/null
mkdir "$scratch/compacted"
"$STRATAL" block compact --out "$scratch/compacted" "$scratch"/sources/* >/dev/null
[ "$(find "$scratch/compacted" -name meta.json | wc -l)" = 1 ] || fail "three blocks did not become one"

block=$(dirname "$(find "$scratch/compacted" -name meta.json)")
digest=$("$STRATAL" block digest "$block")

# Neither server may compact on its own.
still=(--storage.tsdb.min-block-duration=2h --storage.tsdb.max-block-duration=2h)
start_prometheus "$scratch/sources" "${still[@]}"
sources=$url
start_prometheus "$scratch/compacted" "${still[@]}"
compacted=$url

check() {
    local expression=$1 want got
    want=$(query_range "$sources" "$expression" "$start" "$end" 300) || fail "$expression: $want"
    got=$(query_range "$compacted" "$expression" "$start" "$end" 300) || fail "$expression: $got"
    [ "$want" = "$got" ] || fail "$expression differs"
    case $want in *'"values":'*) ;; *) fail "$expression answers nothing" ;; esac
}
check 'count({__name__=~".+"})'
check 'sum by (__name__) ({__name__=~".+"})'
check 'sum by (job, instance) (rate(api_request_duration_seconds_count[5m]))'
check 'sum by (le) (rate(api_request_duration_seconds_bucket[10m]))'

# One count by the other way: as many series as we say that there are.
count=$(query "$compacted" 'count(last_over_time({__name__=~".+"}[6h]))' "$((end - 1))" | sed 's/.*,"\([0-9]*\)"\]}.*/\1/')
series=$(echo "$digest" | awk '{ print $2 }')
[ "$count" = "$series" ] || fail "Prometheus counts $count series, digest says $series"
echo "queries over sources and compacted block agree ($series series)"
