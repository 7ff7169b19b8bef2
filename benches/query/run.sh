#!/usr/bin/env bash
# Our queries beside Prometheus' over the same blocks: first whether the answers are equal, then who needed what.
#
#   benches/query/run.sh [--quick] [--curves] [--save] [SET...]      SET: M H C-1M
#
# --quick measures each query once instead of five times. --curves adds the curves over steps and series. --save writes
# docs/queries.csv. STRATAL and PROMETHEUS name the binaries, TMPDIR where the data goes: /dev/shm if nothing else is said.
# CPU is user and system time of the process around a query, best and median of five; a query that takes less than a fifth
# of a second is repeated until it does not, since the kernel counts hundredths. Memory is the peak of what the process has
# allocated (RssAnon, looked at fifty times a second), maps of files not counted. Nothing here fails because something was slow.
[ -n "${TMPDIR:-}" ] || [ ! -w /dev/shm ] || export TMPDIR=/dev/shm
. "$(dirname "$0")/../../tests/live/lib.sh"
. "$(dirname "$0")/../../tests/live/answers.sh"
cd "$(dirname "$0")/../.."

rounds=5
curves= save=
sets=()
for argument in "$@"; do
    case $argument in
    --quick) rounds=1 ;;
    --curves) curves=1 ;;
    --save) save=1 ;;
    -*) fail "unknown flag $argument" ;;
    *) sets+=("$argument") ;;
    esac
done
[ "${#sets[@]}" -gt 0 ] || sets=(M H C-1M)

start=1700028000 # a multiple of 18 h
end=$((start + 64800))
# No sample lies there, so that no window ends on one: 2.42 would count it in.
beside=.503
peer="prometheus $("$PROMETHEUS" --version 2>&1 | sed -n 's/.*version \([^ ]*\).*/\1/p;q')"
us=$("$STRATAL" --version | cut -d' ' -f1,2)
csv=$scratch/queries.csv
echo "set,query,program,cpu_best_s,cpu_median_s,peak_mib,raw_samples" >"$csv"

# serve DIR: both servers over the blocks of DIR.
serve() {
    cp -rl "$1" "$1.theirs"
    start_prometheus "$1.theirs" --storage.tsdb.min-block-duration=2h --storage.tsdb.max-block-duration=2h \
        --query.max-samples=200000000
    theirs=$url their_process=${servers[-1]}
    start_stratal --block-dir "$1" --query.max-samples 200000000
    ours=$url our_process=${servers[-1]}
}

stop() {
    kill "${servers[@]}"
    wait "${servers[@]}" 2>/dev/null || true
    servers=()
}

# ticks PROCESS: its CPU time in hundredths of a second.
ticks() {
    sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

allocated_kib() {
    awk '/^RssAnon/ { print $2 }' "/proc/$1/status"
}

# peak PROCESS FILE: writes the most that the process had allocated until it is killed.
peak() {
    local most=0 now
    while now=$(allocated_kib "$1"); do
        [ "$now" -le "$most" ] || { most=$now; echo "$most" >"$2"; }
        sleep 0.02
    done
}

# measure PROCESS URL: "best median peak_mib" of a query.
measure() {
    local process=$1 address=$2 before after repeats watcher round
    allocated_kib "$process" >"$scratch/peak"
    peak "$process" "$scratch/peak" &
    watcher=$!
    before=$(ticks "$process")
    http_get "$address" >/dev/null || fail "$address"
    after=$(ticks "$process")
    kill "$watcher" 2>/dev/null
    wait "$watcher" 2>/dev/null || true
    repeats=$((20 / (after - before + 1) + 1))
    : >"$scratch/rounds"
    for round in $(seq $rounds); do
        before=$(ticks "$process")
        for _ in $(seq $repeats); do http_get "$address" >/dev/null; done
        after=$(ticks "$process")
        echo "$before $after $repeats" | awk '{ printf "%.5f\n", ($2 - $1) / 100 / $3 }' >>"$scratch/rounds"
    done
    sort -n "$scratch/rounds" | awk -v peak="$(cat "$scratch/peak")" '
        { seconds[NR] = $1 }
        END { print seconds[1], seconds[int((NR + 1) / 2)], peak / 1024 }'
}

# raw_samples URL: how many samples our server read for it.
raw_samples() {
    http_get "$1&stats=true" | sed -n 's/.*"samplesRead":\([0-9]*\).*/\1/p'
}

# compare SET NAME PATH: measures the request at both servers.
compare() {
    local set=$1 name=$2 path=$3 samples=0 their our
    case $path in *query*) samples=$(raw_samples "$ours$path") ;; esac
    their=$(measure "$their_process" "$theirs$path")
    our=$(measure "$our_process" "$ours$path")
    for line in "$peer $their" "$us $our"; do
        echo "$line" | awk -v OFS=, -v set="$set" -v name="$name" -v samples="$samples" \
            '{ print set, "\"" name "\"", $1 " " $2, $3, $4, sprintf("%.1f", $5), samples }' >>"$csv"
    done
    echo "$their $our" | awk -v set="$set" -v name="$name" -v samples="$samples" '
        function per(seconds) { return samples ? sprintf("%8.1f", seconds * 1e9 / samples) : sprintf("%8s", "-") }
        function times(a, b) { return b > 0 ? sprintf("%.1f", a / b) : "-" }
        { printf "%-5s %-44s %8.3f %8.4f %6sx %s %s %7.1f %7.1f %6sx\n", set, substr(name, 1, 44), $2, $5, times($2, $5),
            per($2), per($5), $3, $6, times($3, $6) }'
}

# range EXPRESSION STEP: the path of a query over 18 hours.
range() {
    echo "/api/v1/query_range?query=$(url_encode "$1")&start=$start$beside&end=$((end - 1))$beside&step=$2"
}

# check_range EXPRESSION: the answers of both servers are equal. Not in the first hour: 2.42 extrapolates to the start of a
# window, however far that is from the first sample.
check_range() {
    local server file
    for server in "$theirs" "$ours"; do
        file=$scratch/answer.${server##*:}
        "$PROMTOOL" query range --start "$((start + 3660))$beside" --end "$((end - 1))$beside" --step 10m "$server" "$1" | flat >"$file"
        [ -s "$file" ] || fail "nobody answers: $1"
    done
    equal_answers "$scratch/answer.${theirs##*:}" "$scratch/answer.${ours##*:}" || fail "$1"
}

# ranges SET: the queries over a range.
ranges() {
    local set=$1 expression
    while read -r expression; do
        check_range "$expression"
        compare "$set" "$expression" "$(range "$expression" 60)"
    done <<'EXPRESSIONS'
sum by (job) (rate(http_requests_total[5m]))
sum by (job) (rate(http_requests_total[1h]))
sum({job=~".+"})
histogram_quantile(0.99, sum by (le, job) (rate(api_request_duration_seconds_bucket[5m])))
http_requests_total / on (instance) group_left () sum by (instance) (http_requests_total)
topk(10, http_requests_total)
EXPRESSIONS
}

# instants SET: what is asked of a million series.
instants() {
    local set=$1 count="/api/v1/query?query=count(wide)&time=$((end_wide))$beside"
    local values="/api/v1/label/id/values?match%5B%5D=wide%7Bzone%3D%22z5%22%7D"
    for path in "$count" "$values"; do
        [ "$(http_get "$theirs$path" | cksum)" = "$(http_get "$ours$path" | cksum)" ] || fail "$path differs"
    done
    compare "$set" "count(wide)" "$count"
    compare "$set" 'label_values(wide{zone="z5"}, id)' "$values"
}

# curve NAME X PATH: a point of a curve.
curve() {
    compare "$1" "$2" "$3"
}

head_line() {
    printf '%-5s %-44s %8s %8s %7s %8s %8s %7s %7s %7s\n' set query "peer s" "ours s" "" "peer ns" "ours ns" "peer MiB" "ours" ""
}

echo "$peer beside $us; CPU seconds (median of $rounds), ns per raw sample, MiB allocated"
head_line
for set in "${sets[@]}"; do
    dir=$scratch/$set
    case $set in
    M) "$STRATAL" block generate --out "$dir" --start "${start}000" --targets 50 --interval 15s --blocks 9 >/dev/null ;;
    H) "$STRATAL" block generate --out "$dir" --start "${start}000" --targets 943 --interval 300s --churn 10 --blocks 9 >/dev/null ;;
    C-1M) "$STRATAL" block generate --out "$dir" --start "${start}000" --shape wide >/dev/null ;;
    *) fail "unknown set $set" ;;
    esac
    end_wide=$((start + 3700))
    serve "$dir"
    case $set in
    C-1M) instants "$set" ;;
    *) ranges "$set" ;;
    esac
    if [ -n "$curves" ] && [ "$set" = M ]; then
        for steps in 10 100 1000 11000; do
            step=$(awk -v steps="$steps" 'BEGIN { printf "%.3f", 64799 / steps }')
            curve steps "$steps" "$(range 'sum by (job) (rate(http_requests_total[5m]))' "$step")"
        done
    fi
    if [ -n "$curves" ] && [ "$set" = C-1M ]; then
        for digits in 9 8 7 6 5 4 3; do
            selector="sum(wide{id=~\"i-$(printf '%*s' "$digits" '' | tr ' ' 0).*\"})"
            curve series "1e$((9 - digits))" "/api/v1/query?query=$(url_encode "$selector")&time=$end_wide$beside"
        done
    fi
    stop
    rm -rf "$dir" "$dir.theirs"
done
[ -z "$save" ] || cp "$csv" docs/queries.csv
