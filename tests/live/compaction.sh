#!/usr/bin/env bash
# Nine aligned blocks compacted by Prometheus itself and by us: chunk files equal, index equal section by section.
#
# Prometheus before 3.7 also writes label-index tables, which nothing reads; then the postings lie further back, and their
# offset table is compared relative to the first list. From 3.7 on the whole index is equal.
. "$(dirname "$0")/lib.sh"

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

diff -r "$theirs/chunks" "$ours/chunks" || fail "chunk files differ"

# The six offsets of the table of contents: symbols, series, label indices, label offset table, postings, their offsets.
toc() {
    tail -c 52 "$1" | od -An -v -t u8 --endian=big -w48 -N48
}
# cut FILE FROM TO
cut_bytes() {
    head -c "$3" "$1" | tail -c "+$(($2 + 1))"
}
# offsets FILE TABLE END: where the first list begins, then the postings offset table as text, relative to that.
offsets() {
    cut_bytes "$1" "$2" "$3" | od -An -v -t u1 -w1 | awk '
        { byte[NR - 1] = $1 + 0 }
        function uvarint(   value, factor, b) {
            value = 0; factor = 1
            do { b = byte[at++]; value += (b % 128) * factor; factor *= 128 } while (b >= 128)
            return value
        }
        function text(   size, out) {
            size = uvarint(); out = ""
            while (size-- > 0) out = out " " byte[at++]
            return out
        }
        END {
            count = ((byte[4] * 256 + byte[5]) * 256 + byte[6]) * 256 + byte[7]
            at = 8
            for (i = 0; i < count; i++) {
                keys = byte[at++]; name = text(); value = text(); offset = uvarint()
                if (i == 0) { base = offset; print base }
                print keys, name, "=", value, "@", offset - base
            }
        }'
}
# sections FILE NAME: writes the sections that matter.
sections() {
    local symbols series labels label_table postings table size first
    read -r symbols series labels label_table postings table < <(toc "$1")
    size=$(stat -c %s "$1" 2>/dev/null || stat -f %z "$1")
    # Where there are no label indices, the series end where the postings begin.
    first=$postings
    [ "$labels" = 0 ] || [ "$labels" -ge "$postings" ] || first=$labels
    local postings_end=$table
    [ "$label_table" = 0 ] || [ "$label_table" -le "$postings" ] || postings_end=$label_table
    cut_bytes "$1" 0 "$symbols" >"$2.head"
    cut_bytes "$1" "$symbols" "$series" >"$2.symbols"
    cut_bytes "$1" "$series" "$first" >"$2.series"
    local list
    offsets "$1" "$table" "$((size - 52))" >"$2.table"
    list=$(sed -n 1p "$2.table")
    sed 1d "$2.table" >"$2.offsets"
    cut_bytes "$1" "$list" "$postings_end" >"$2.postings"
}
if cmp -s "$theirs/index" "$ours/index"; then
    echo "chunk files and index equal to those of $("$PROMETHEUS" --version 2>&1 | sed -n 1p)"
    exit 0
fi
case $("$PROMETHEUS" --version 2>&1) in
*"version 2."* | *"version 3."[0-6].*) ;;
*) fail "the index differs" ;;
esac
sections "$theirs/index" "$scratch/theirs.index"
sections "$ours/index" "$scratch/ours.index"
for section in head symbols series postings offsets; do
    [ -s "$scratch/ours.index.$section" ] || fail "section $section is empty"
    cmp "$scratch/theirs.index.$section" "$scratch/ours.index.$section" || fail "section $section differs"
done
echo "chunk files equal, index equal section by section"
