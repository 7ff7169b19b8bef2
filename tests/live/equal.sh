# Sourced after lib.sh: whether two compacted blocks are the same bytes.
#
# Prometheus before 3.7 also writes label-index tables, which nothing reads; then the postings lie further back, and their
# offset table is compared relative to the first list. From 3.7 on the whole index must be equal.

# The six offsets of the table of contents: symbols, series, label indices, label offset table, postings, their offsets.
toc() {
    tail -c 52 "$1" | od -An -v -t u8 --endian=big -w48 -N48
}

# cut_bytes FILE FROM TO
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

# equal_blocks THEIRS OURS: says in which way they are equal; fails where they are not.
equal_blocks() {
    local section version
    diff -r "$1/chunks" "$2/chunks" >/dev/null || fail "chunk files differ"
    if cmp -s "$1/index" "$2/index"; then
        echo "chunk files and index equal"
        return
    fi
    version=$("$PROMETHEUS" --version 2>&1)
    case $version in
    *"version 2."* | *"version 3."[0-6].*) ;;
    *) fail "the index differs" ;;
    esac
    sections "$1/index" "$scratch/theirs.index"
    sections "$2/index" "$scratch/ours.index"
    for section in head symbols series postings offsets; do
        [ -s "$scratch/ours.index.$section" ] || fail "section $section is empty"
        cmp "$scratch/theirs.index.$section" "$scratch/ours.index.$section" || fail "section $section differs"
    done
    rm "$scratch"/{theirs,ours}.index.*
    echo "chunk files equal, index equal section by section"
}
