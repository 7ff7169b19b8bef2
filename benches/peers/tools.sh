# Sourced by run.sh: looking into one block, and making blocks of text, beside promtool: equal first, then who needed what.
#
# Each program's figures are CPU seconds of the whole process. verify has no peer, so its cost stands alone.

# tools SET: analyze of a wide block, dump of a deep one, import of a text, verify of both.
tools() {
    local set=$1 wide deep csv=$scratch/tools.csv
    wide=$(generate "$dir/wide" --blocks 1 --targets 943 --interval 300s)
    deep=$(generate "$dir/deep" --blocks 1 --targets 20 --interval 15s)
    mkdir "$dir/wide/wal" "$dir/deep/wal" # without a log promtool opens nothing
    "$STRATAL" block generate --openmetrics --blocks 1 --targets 20 --interval 60s --start "${start}000" >"$dir/text"

    # Rows that count the same come in any order at promtool's, so the numbers are compared.
    counts() { sed '/^Index bytes/d; /^Chunk bytes/d' | awk '/^[0-9]+ / { print $1; next } { print }'; }
    cmp <("$PROMTOOL" tsdb analyze "$dir/wide" "$(basename "$wide")" | counts) \
        <("$STRATAL" block analyze "$wide" | counts) || fail "analyze differs"
    cmp <("$PROMTOOL" tsdb dump "$dir/deep") <("$STRATAL" block dump "$deep") || fail "dumps differ"
    import() { run "$STRATAL" block import --openmetrics "$dir/text" --out "$out"; }
    their_import() { run "$PROMTOOL" tsdb create-blocks-from openmetrics "$dir/text" "$out"; }
    samples_of() { rm -rf "$out" && "$@" && "$STRATAL" block digest "$out"/*/ | cut -d' ' -f2-; }
    [ "$(samples_of import)" = "$(samples_of their_import)" ] || fail "imports differ"
    "$STRATAL" block verify "$wide" "$deep" >/dev/null || fail "verify finds damage"
    echo "$set: analyze, dump and import give what promtool gives"

    head_line
    beside analyze "$PROMTOOL" tsdb analyze "$dir/wide" "$(basename "$wide")" -- "$STRATAL" block analyze "$wide"
    beside dump "$PROMTOOL" tsdb dump "$dir/deep" -- "$STRATAL" block dump "$deep"
    measure "$dir/import.us" import
    measure_peer "$dir/import.peer" their_import
    compare import
    local block
    for block in "$wide" "$deep"; do
        rm -f "$dir/verify"
        measure "$dir/verify" run "$STRATAL" block verify "$block"
        summary verify "$us" "$dir/verify" "$(bytes_of "$block")"
        sort -n "$dir/verify" | awk -v series="$(stat_of numSeries "$block")" -v samples="$(stat_of numSamples "$block")" '
            { cpu[NR] = $1 }
            END {
                bound = (samples * 6 + series * 150) / 1e9
                printf "%-15s %.1f ns a sample; %.2f of 6 ns a sample and 150 ns a series\n\n", "verify",
                    cpu[1] * 1e9 / samples, cpu[1] / bound
            }'
    done
}

# measure_peer FILE COMMAND...: as often as peers are run.
measure_peer() {
    local OUR_RUNS=$peer_runs
    measure "$@"
}

# beside NAME THEIRS... -- OURS...
beside() {
    local name=$1 theirs=()
    shift
    while [ "$1" != -- ]; do
        theirs+=("$1")
        shift
    done
    measure_peer "$dir/$name.peer" run "${theirs[@]}"
    measure "$dir/$name.us" run "${@:2}"
    compare "$name"
}

# compare NAME: both lines and the ratio of the best runs, because short ones suffer most from what else runs.
compare() {
    summary "$1" "promtool ${peer#prometheus }" "$dir/$1.peer" 0
    summary "$1" "$us" "$dir/$1.us" 0
    awk -F, -v name="$1" '
        $1 == name && $2 ~ /^promtool/ { peer = $3; rss = $6 }
        $1 == name && $2 ~ /^stratal/ { cpu = $3; our_rss = $6 }
        END { printf "%-15s CPU %.1f times less, RSS %.1f times less\n\n", name, peer / cpu, rss / our_rss }' "$csv"
}

# stat_of KEY BLOCK: a count of its meta.json.
stat_of() {
    sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p;T;q" "$2/meta.json"
}
