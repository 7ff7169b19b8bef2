#!/usr/bin/env bash
# `stratal query` beside a live Prometheus over the same blocks: promtool asks both, and the answers are equal.
#
# Samples lie at whole seconds give or take a few milliseconds; everything is asked half a second beside them. So no sample
# sits on the edge of a window, where 2.42 counts it in and we do not. What else 2.42 does differently is not asked:
# spreads and means over infinities, sums that cancel, rates whose first sample is far from the window's start.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/answers.sh"

start=1700006400 # a multiple of 2 h
end=$((start + 3 * 7200))
from=$((start + 3600)).503
to=$((end - 600)).503

"$STRATAL" block generate --targets 3 --interval 15s --blocks 3 --start "${start}000" --out "$scratch/blocks" >/dev/null
cp -r "$scratch/blocks" "$scratch/theirs"
start_prometheus "$scratch/theirs" --storage.tsdb.min-block-duration=2h --storage.tsdb.max-block-duration=2h
theirs=$url
start_stratal --block-dir "$scratch/blocks"
ours=$url

questions=0

# check COMMAND ARGUMENT...: promtool query COMMAND, SERVER standing for both servers.
check() {
    local want=$scratch/want got=$scratch/got
    "$PROMTOOL" query "${@/SERVER/$theirs}" >"$want.raw" || fail "Prometheus: $*"
    "$PROMTOOL" query "${@/SERVER/$ours}" >"$got.raw" || fail "stratal: $*: $(cat "$got.raw")"
    flat <"$want.raw" >"$want"
    flat <"$got.raw" >"$got"
    [ -s "$want" ] || fail "nobody answers: $*"
    [ "$(wc -l <"$want")" = "$(wc -l <"$got")" ] || fail "$*: $(wc -l <"$want") lines there, $(wc -l <"$got") here"
    equal_answers "$want" "$got" || fail "$*"
    questions=$((questions + 1))
}

while read -r expression; do
    check instant --time "$to" SERVER "$expression"
    check range --start "$from" --end "$to" --step 5m SERVER "$expression"
done <<'EXPRESSIONS'
network_up
{__name__=~"load.*",job!=""}
count({__name__=~".+"}) by (__name__)
sum by (job, instance) (rate(http_requests_total[5m]))
increase(api_request_duration_seconds_sum[1h])
irate(cpu_seconds_total[5m])
max without (instance, pod) (avg_over_time(memory_bytes[30m]))
quantile_over_time(0.9, temperature_celsius[30m])
stddev_over_time(temperature_celsius[30m])
topk(3, rate(http_requests_total[15m]))
http_requests_total / on (instance, job) group_left () sum by (instance, job) (http_requests_total)
memory_bytes > bool 1e8
memory_bytes offset 20m - memory_bytes
max_over_time(sum(memory_bytes)[30m:1m])
deriv(temperature_celsius[20m])
predict_linear(memory_bytes[20m], 3600)
changes(queue_depth[1h]) + resets(queue_depth[1h])
network_up and on (instance) load1 or vector(1)
clamp_max(round(memory_bytes, 1000), 2e8)
histogram_quantile(0.99, sum by (le, job) (rate(api_request_duration_seconds_bucket[10m])))
label_replace(network_up, "host", "$1", "instance", "([^:]+):.*")
absent(no_such_metric{job="x"})
count_values("value", network_up)
sort_desc(sum by (instance) (http_requests_total))
hour() + day_of_week(vector(1700000000)) + scalar(sum(network_up))
EXPRESSIONS

check series --match network_up --match 'api_request_duration_seconds_bucket{le="0.1"}' --start "$from" --end "$to" SERVER
check series --match '{instance=~".*1.*"}' --start "$from" --end "$to" SERVER
for label in __name__ job instance le device; do
    check labels --start "$from" --end "$to" SERVER "$label"
done

# What is wrong is wrong there and here: the same words, but for what 2.42 did not say yet.
for expression in 'sum(' 'load1{' 'rate(load1)' 'nope(1)' 'load1[5m' '1 +'; do
    if "$PROMTOOL" query instant "$ours" "$expression" >/dev/null 2>"$scratch/error"; then fail "$expression is answered"; fi
    grep -q "bad_data: invalid parameter \"query\": .*parse error: " "$scratch/error" || fail "$expression: $(cat "$scratch/error")"
done
echo "promtool: $questions questions answered alike by Prometheus and stratal query"
