#!/usr/bin/env bash
# Our compaction and downsampling beside Prometheus' own, on generated data: first whether the results are equal, then who
# needed what.
#
#   benches/peers/run.sh [--quick] [--full] [--save] [SET...]      SET: A A-H A-V M H V D T, with --full also C C-card
#   benches/peers/run.sh --axes [--save] [AXIS...]                 AXIS: series samples blocks churn overlap labels threads
#
# --quick gives Prometheus one run instead of five. --save writes docs/performance.csv and its picture. --axes varies one
# property of the data at a time, without Prometheus; with --save into docs/performance-axes.csv. STRATAL, PROMETHEUS and
# PROMTOOL name the binaries, TMPDIR where the data goes: /dev/shm if nothing else is said, because a disk would be what is
# measured. CPU is user and system time; ours is that of the whole process, Prometheus' the difference of its
# process_cpu_seconds_total around the compaction. RSS is the peak. Nothing here fails because something was slow.
[ -n "${TMPDIR:-}" ] || [ ! -w /dev/shm ] || export TMPDIR=/dev/shm
. "$(dirname "$0")/../../tests/live/lib.sh"
. "$(dirname "$0")/../../tests/live/equal.sh"
. "$(dirname "$0")/tools.sh"
cd "$(dirname "$0")/../.."

OUR_RUNS=5
peer_runs=5
full= save= axes=
start=1700028000 # a multiple of 18 h, where Prometheus' range begins
sets=()
for argument in "$@"; do
    case $argument in
    --quick) peer_runs=1 ;;
    --full) full=1 ;;
    --save) save=1 ;;
    --axes) axes=1 ;;
    -*) fail "unknown flag $argument" ;;
    *) sets+=("$argument") ;;
    esac
done
if [ "${#sets[@]}" = 0 ] && [ -n "$axes" ]; then
    sets=(series samples blocks churn overlap labels threads)
elif [ "${#sets[@]}" = 0 ]; then
    sets=(A A-H A-V M H V D T ${full:+C C-card})
fi
for gnu_time in /usr/bin/time gtime ""; do ! command -v "${gnu_time:-true}" >/dev/null || break; done
[ -n "$gnu_time" ] || fail "GNU time is needed (Debian package 'time')"

peer="prometheus $("$PROMETHEUS" --version 2>&1 | sed -n 's/.*version \([^ ]*\).*/\1/p;q')"
us=$("$STRATAL" --version | cut -d' ' -f1,2)
csv=$scratch/results.csv
echo "set,program,cpu_best_s,cpu_median_s,wall_median_s,rss_mib,input_mib" >"$csv"

# generate DIR FLAG...: blocks into DIR, their names to standard output.
generate() {
    "$STRATAL" block generate --out "$1" --start "${start}000" "${@:2}"
}

# run COMMAND...: runs it, and notes its peak memory.
run() {
    "$gnu_time" -a -o "$scratch/rss" -f %M "$@" >/dev/null
}

# measure FILE COMMAND...: five times; a line "cpu wall rss" in FILE for each. $out is empty before each.
measure() {
    local file=$1 TIMEFORMAT='%U %S %R'
    shift
    for _ in $(seq $OUR_RUNS); do
        rm -rf "$out" "$scratch/rss"
        { time "$@" 2>>"$scratch/log"; } 2>"$scratch/times" || { cat "$scratch/log" >&2; fail "$*"; }
        paste -d' ' "$scratch/times" <(sort -n "$scratch/rss" | tail -1) | awk '{ print $1 + $2, $3, $4 }' >>"$file"
    done
}

# summary SET PROGRAM FILE BYTES: a line of the table and of the CSV.
summary() {
    local best median wall rss
    best=$(sort -n "$3" | awk 'NR == 1 { print $1 }')
    median() { awk -v at="$1" '{ print $at }' "$2" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
    median=$(median 1 "$3") wall=$(median 2 "$3") rss=$(median 3 "$3")
    awk -v OFS=, -v set="$1" -v who="$2" -v best="$best" -v median="$median" -v wall="$wall" -v rss="$rss" -v bytes="$4" \
        'BEGIN { print set, who, best, median, wall, sprintf("%.1f", rss / 1024), sprintf("%.1f", bytes / 1048576) }' |
        tee -a "$csv" | awk -F, '{ printf "%-15s %-20s %9.3f %9.3f %9.3f %9.1f\n", $1, $2, $3, $4, $5, $6 }'
}

head_line() {
    printf '%-15s %-20s %9s %9s %9s %9s\n' set program "cpu best" median wall "rss MiB"
}

# ratio SET: how much less we need than Prometheus.
ratio() {
    awk -F, -v set="$1" '
        $1 == set && $2 ~ /^prometheus/ { cpu = $4; rss = $6 }
        $1 == set && $2 ~ /^stratal/ { our_cpu = $4; our_wall = $5; our_rss = $6 }
        $1 == set && $2 == "cp" { copy = $4 }
        END {
            printf "%-15s CPU %.1f times less, RSS %.1f times less; %.1f times the CPU of cp; ", set, cpu / our_cpu, rss / our_rss, our_cpu / copy
            printf "%.2f cores busy\n\n", our_cpu / our_wall
        }
    ' "$csv"
}

cpu_seconds() {
    http_get "$1/metrics" | awk '$1 == "process_cpu_seconds_total" { print $2 }'
}

# compacted DIR: the blocks there that are not of level 1.
compacted() {
    grep -l '"level": *[2-9]' "$1"/*/meta.json 2>/dev/null | xargs -r -n1 dirname
}

# watch URL PID DIR WANTED: waits for so many compacted blocks; prints "cpu wall rss" of the compaction.
watch() {
    local before after began ended
    sleep 50 # the first compaction comes a minute after the start
    before=$(cpu_seconds "$1")
    began=$(date +%s.%N)
    for _ in $(seq 1500); do
        [ "$(compacted "$3" | wc -l)" -lt "$4" ] || break
        sleep 0.2
    done
    ended=$(date +%s.%N)
    after=$(cpu_seconds "$1")
    awk -v a="$before" -v b="$after" -v t="$began" -v u="$ended" '/^VmHWM/ { print b - a, u - t - 10, $2 }' "/proc/$2/status"
}

# race FILE WANTED STAGGER BLOCK...: Prometheus compacts copies of the blocks, one server after the other.
race() {
    local file=$1 wanted=$2 stagger=$3 watchers=() number
    shift 3
    for number in $(seq $peer_runs); do
        mkdir "$theirs.$number"
        cp -rl "$@" "$theirs.$number"
        start_prometheus "$theirs.$number" --storage.tsdb.min-block-duration=6h --storage.tsdb.max-block-duration=18h
        watch "$url" "${servers[-1]}" "$theirs.$number" "$wanted" >"$file.$number" &
        watchers+=($!)
        sleep "$stagger"
    done
    wait "${watchers[@]}"
    cat "$file".[0-9]* >"$file"
    [ "$(wc -l <"$file")" = $peer_runs ] || fail "Prometheus did not compact"
    kill "${servers[@]}"
    wait "${servers[@]}" 2>/dev/null || true
    servers=()
}

bytes_of() {
    du -sb -c "$@" | awk 'END { print $1 }'
}

copy() {
    mkdir "$out"
    run cp -r "$@" "$out"
}

# horizontal SET STAGGER FLAG...: nine blocks to one.
horizontal() {
    local set=$1 stagger=$2 blocks nine
    mapfile -t blocks < <(generate "$dir/all" --blocks 11 "${@:3}")
    nine=("${blocks[@]:0:9}")
    measure "$dir/cp" copy "${nine[@]}"
    measure "$dir/us" run "$STRATAL" block compact --out "$out" "${nine[@]}"
    race "$dir/peer" 1 "$stagger" "${blocks[@]}"
    for number in $(seq $peer_runs); do
        echo "$set: $(equal_blocks "$(compacted "$theirs.$number")" "$out"/*)"
    done | uniq
    table "$set" "${nine[@]}"
}

# vertical SET STAGGER FLAG...: two blocks and their replicas, each pair to one.
vertical() {
    local set=$1 stagger=$2 first second digest
    mapfile -t first < <(generate "$dir/all" --blocks 2 "${@:3}")
    mapfile -t second < <(generate "$dir/all" --blocks 2 --replica 1 "${@:3}")
    pairs() {
        run "$STRATAL" block compact --out "$out" "${first[0]}" "${second[0]}"
        run "$STRATAL" block compact --out "$out" "${first[1]}" "${second[1]}"
    }
    measure "$dir/cp" copy "${first[@]}" "${second[@]}"
    measure "$dir/us" pairs
    race "$dir/peer" 2 "$stagger" "${first[@]}" "${second[@]}"
    digests() { "$STRATAL" block digest "$@" | cut -d' ' -f2- | sort; }
    digest=$(digests "$out"/*)
    for number in $(seq $peer_runs); do
        [ "$(digests $(compacted "$theirs.$number"))" = "$digest" ] || fail "samples differ"
    done
    echo "$set: equal samples"
    table "$set" "${first[@]}" "${second[@]}"
}

# table SET INPUT...
table() {
    local set=$1 bytes
    bytes=$(bytes_of "${@:2}")
    head_line
    summary "$set" "$peer" "$dir/peer" "$bytes"
    summary "$set" "$us" "$dir/us" "$bytes"
    summary "$set" cp "$dir/cp" "$bytes"
    ratio "$set"
}

# downsampled SET FLAG...: one raw block to 5m, and to 5m and 1h in one pass. Prometheus has no peer for it; what Thanos
# 0.43 took on a machine of this kind is in docs/performance.md.
downsampled() {
    local set=$1 block samples five bytes
    block=$(generate "$dir/all" --blocks 1 --block-duration 48h "${@:2}")
    samples=$(sed -n 's/.*"numSamples": *\([0-9]*\).*/\1/p;T;q' "$block/meta.json")
    bytes=$(bytes_of "$block")
    measure "$dir/cp" copy "$block"
    measure "$dir/five" run "$STRATAL" block downsample --resolution 5m --out "$out" "$block"
    mv "$out" "$dir/5m"
    measure "$dir/us" run "$STRATAL" block downsample --resolution 5m,1h --out "$out" "$block"
    five=$(grep -l '"resolution": *300000' "$out"/*/meta.json | xargs dirname)
    cmp "$five/index" "$dir/5m"/*/index && diff -r "$five/chunks" "$dir/5m"/*/chunks || fail "one pass and two passes differ"
    "$STRATAL" block downsample --resolution 1h --out "$dir/1h" "$five" >/dev/null
    diff -r "$dir/1h"/*/chunks "$(grep -l '"resolution": *3600000' "$out"/*/meta.json | xargs dirname)/chunks" ||
        fail "one pass and two passes differ"
    echo "$set: one pass gives the bytes of two"
    head_line
    summary "$set" "$us 5m" "$dir/five" "$bytes"
    summary "$set" "$us 5m+1h" "$dir/us" "$bytes"
    summary "$set" cp "$dir/cp" "$bytes"
    awk -F, -v set="$set" -v samples="$samples" '
        $1 == set && $2 ~ / 5m$/ { five = $4 }
        $1 == set && $2 ~ /1h$/ { both = $4 }
        END { printf "%-15s %.1f ns a raw sample for 5m, %.1f for 5m and 1h (Thanos 0.43, recorded: 86 to 108 and 130 to 155)\n\n",
            set, five * 1e9 / samples, both * 1e9 / samples }' "$csv"
}

# cardinality SET VALUES: blocks of many series of one sample, whose label has a value of its own each.
cardinality() {
    local set=$1 blocks half=$(($2 / 2))
    mkdir "$dir/all"
    for part in 0 1; do
        awk -v from=$((part * half)) -v count="$half" -v t=$start 'BEGIN {
            print "# TYPE wide gauge"
            for (i = from; i < from + count; i++) printf "wide{value=\"v%08d\"} 1 %d\n", i, t
            print "# EOF" }' >"$dir/text"
        "$STRATAL" block import --openmetrics "$dir/text" --out "$dir/all" >>"$dir/blocks"
    done
    rm "$dir/text"
    mapfile -t blocks <"$dir/blocks"
    measure "$dir/cp" copy "${blocks[@]}"
    measure "$dir/us" run "$STRATAL" block compact --out "$out" "${blocks[@]}"
    head_line
    summary "$set" "$us" "$dir/us" "$(bytes_of "${blocks[@]}")"
    summary "$set" cp "$dir/cp" "$(bytes_of "${blocks[@]}")"
    echo
}

# point AXIS VALUE BLOCK...: a line of the table of axes: one compaction of the blocks, with the flags in $flags.
point() {
    local axis=$1 value=$2 bytes
    shift 2
    bytes=$(bytes_of "$@")
    rm -f "$dir/us"
    measure "$dir/us" run "$STRATAL" block compact $flags --out "$out" "$@"
    summary "$axis=$value" "$us" "$dir/us" "$bytes"
}

# labelled COUNT: text of 20,000 series with so many labels each.
labelled() {
    awk -v count="$1" -v t=$start 'BEGIN {
        print "# TYPE wide gauge"
        for (i = 0; i < 20000; i++) {
            printf "wide{id=\"v%05d\"", i
            for (label = 2; label < count; label++) printf ",l%02d=\"value-%02d-%d\"", label, label, i % (label + 3)
            printf "} 1 %d\n", t
        }
        print "# EOF" }'
}

# axis NAME: every value of one axis.
axis() {
    local name=$1 value flags=
    # fleet FLAG...: fresh blocks of scraped targets, into $blocks.
    fleet() {
        rm -rf "$dir/all"
        mapfile -t blocks < <(generate "$dir/all" "$@")
    }
    case $name in
    series) # memory is capped: what grows with the series beside it are the tables that must be held
        flags="--memory-limit 96MiB"
        for value in 1000 10000 100000 1000000; do
            fleet --shape wide --series "$value" --blocks 2
            point series "$value" "${blocks[@]}"
        done
        awk -F, '$1 == "series=10000" { few = $6 } $1 == "series=1000000" { many = $6 }
            END {
                # Two inputs: remaps of 4 bytes a symbol, lists of 4 bytes a series and input and of the result.
                tables = 990000 * (2 * 4 + 3 * 4) / 1048576
                printf "series          RSS grows by %.1f MiB from 10 k to 1 M series; tables that must be held are %.1f MiB of it\n\n", many - few, tables
            }' "$csv" ;;
    samples) for value in 12 24 60 120; do
        fleet --targets 50 --interval $((7200 / value))s --blocks 9
        point samples "$value" "${blocks[@]}"
    done ;;
    blocks) for value in 2 4 8 16 32; do
        fleet --targets 50 --interval 60s --blocks "$value"
        point blocks "$value" "${blocks[@]}"
    done ;;
    churn) for value in 0 10 25 50; do
        fleet --targets 50 --interval 60s --blocks 9 --churn "$value"
        point churn "$value" "${blocks[@]}"
    done ;;
    overlap) for value in 0 50 100; do # a block, and a replica's that begins so much later
        fleet --targets 50 --interval 15s --blocks 1
        blocks+=("$("$STRATAL" block generate --out "$dir/all" --start $((start + 72 * (100 - value)))000 \
            --targets 50 --interval 15s --blocks 1 --replica 1)")
        point overlap "$value" "${blocks[@]}"
    done ;;
    labels) for value in 5 10 20 30; do
        rm -rf "$dir/all"
        labelled "$value" >"$dir/text"
        mapfile -t blocks < <(for _ in 1 2; do "$STRATAL" block import --openmetrics "$dir/text" --out "$dir/all"; done)
        point labels "$value" "${blocks[@]}"
    done ;;
    threads) for value in 1 2; do
        flags="--threads $value"
        fleet --targets 200 --interval 300s --churn 10 --blocks 9
        point threads "$value" "${blocks[@]}"
    done ;;
    *) fail "unknown axis $name" ;;
    esac
}

echo "$peer beside $us on $(nproc) cores: $(sed -n 's/^model name[^:]*: //p;T;q' /proc/cpuinfo), data in $scratch"
echo
for set in "${sets[@]}"; do
    dir=$scratch/$set out=$scratch/$set/out theirs=$scratch/$set/theirs
    mkdir "$dir"
    if [ -n "$axes" ]; then
        head_line
        axis "$set"
        rm -rf "$dir"
        continue
    fi
    case $set in
    A) horizontal A 3 --targets 10 --interval 15s ;;
    A-H) horizontal A-H 4 --targets 94 --interval 300s --churn 10 ;;
    M) horizontal M 5 --targets 50 --interval 15s ;;
    H) horizontal H 20 --targets 943 --interval 300s --churn 10 ;;
    A-V) vertical A-V 4 --targets 10 --interval 15s ;;
    V) vertical V 10 --targets 50 --interval 15s ;;
    D) downsampled D --targets 5 --interval 15s ;;
    C) downsampled C --targets 943 --interval 15s ;;
    T) tools T ;;
    C-card) cardinality C-card 5000000 ;;
    *) fail "unknown set $set" ;;
    esac
    rm -rf "$dir"
done
if [ -n "$save" ] && [ -n "$axes" ]; then
    cp "$csv" docs/performance-axes.csv
elif [ -n "$save" ]; then
    cp "$csv" docs/performance.csv
    awk -f benches/peers/picture.awk "$csv" >docs/performance.svg
fi
