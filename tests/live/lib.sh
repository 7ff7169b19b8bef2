# Sourced by the scripts beside it: a scratch directory that goes with the script, servers that go with it too.
#
# STRATAL names the binary under test, PROMETHEUS and PROMTOOL the peers.
set -euo pipefail

STRATAL=$(realpath "${STRATAL:-target/release/stratal}")
PROMETHEUS=${PROMETHEUS:-prometheus}
PROMTOOL=${PROMTOOL:-promtool}

scratch=$(mktemp -d)
servers=()

clean_up() {
    for server in ${servers[@]+"${servers[@]}"}; do
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap clean_up EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# A port that nothing listens on.
free_port() {
    local port
    for port in $(seq 29090 29390); do
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    fail "no free port"
}

# start_prometheus DIR [FLAG...]: serves DIR, sets `url`.
start_prometheus() {
    local dir=$1 port
    shift
    port=$(free_port)
    url=http://127.0.0.1:$port
    : >"$scratch/prometheus.yml"
    "$PROMETHEUS" --config.file="$scratch/prometheus.yml" --storage.tsdb.path="$dir" \
        --storage.tsdb.retention.time=100y --web.listen-address="127.0.0.1:$port" \
        --log.level=warn "$@" >"$dir.log" 2>&1 &
    servers+=($!)
    for _ in $(seq 300); do
        if http_get "$url/-/ready" >/dev/null 2>&1; then return; fi
        kill -0 "${servers[-1]}" 2>/dev/null || { cat "$dir.log" >&2; fail "prometheus did not start"; }
        sleep 0.1
    done
    fail "prometheus is not ready"
}

# start_stratal FLAG...: `stratal query`, sets `url`.
start_stratal() {
    local port log=$scratch/stratal.log
    port=$(free_port)
    url=http://127.0.0.1:$port
    "$STRATAL" query --http-address "127.0.0.1:$port" "$@" >"$log" 2>&1 &
    servers+=($!)
    for _ in $(seq 300); do
        if http_get "$url/-/ready" >/dev/null 2>&1; then return; fi
        kill -0 "${servers[-1]}" 2>/dev/null || { cat "$log" >&2; fail "stratal query did not start"; }
        sleep 0.1
    done
    fail "stratal query is not ready"
}

# http_get URL: the body. Bash speaks enough HTTP that no other program is needed. A subshell, because a refused
# connection ends the shell that tried.
http_get() (
    rest=${1#http://}
    host=${rest%%/*}
    path=/${rest#*/}
    exec 4<>"/dev/tcp/${host%:*}/${host#*:}"
    printf 'GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n' "$path" "$host" >&4
    read -r _ status _ <&4
    sed '1,/^\r$/d' <&4
    [ "$status" = 200 ]
)

# url_encode TEXT
url_encode() {
    local text=$1 i c
    for ((i = 0; i < ${#text}; i++)); do
        c=${text:i:1}
        case $c in
        [a-zA-Z0-9._-]) printf %s "$c" ;;
        *) printf '%%%02X' "'$c" ;;
        esac
    done
}

# query URL EXPRESSION UNIX_SECONDS: the JSON of an instant query, results sorted by the server's own order.
query() {
    http_get "$1/api/v1/query?query=$(url_encode "$2")&time=$3"
}

# query_range URL EXPRESSION START END STEP
query_range() {
    http_get "$1/api/v1/query_range?query=$(url_encode "$2")&start=$3&end=$4&step=$5"
}
