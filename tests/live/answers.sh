# Sourced by scripts that ask two servers the same: answers of promtool made comparable, and compared.

# Lines of promtool, so that two servers can be compared: every value with its series before it, sorted.
flat() {
    awk '
        / =>$/ { series = $0; next }
        /^[^{]* @\[[0-9.]*\]$/ && series { print series, $0; next }
        { print }' | LC_ALL=C sort
}

# equal_answers FILE FILE: line by line, values within 1e-9 of each other; prints the first difference.
equal_answers() {
    paste -d'\n' "$1" "$2" | awk '
        function value(line) { sub(/ @\[.*/, "", line); sub(/.*=> */, "", line); return line }
        function rest(line) { return substr(line, 1, index(line, "=>")) substr(line, index(line, "@[")) }
        NR % 2 { want = $0; next }
        want == $0 { next }
        rest(want) == rest($0) {
            a = value(want) + 0; b = value($0) + 0
            difference = a > b ? a - b : b - a
            size = (a < 0 ? -a : a) + (b < 0 ? -b : b)
            if (difference <= 1e-9 * size) next
        }
        { print "want " want "\ngot  " $0; exit 1 }'
}
