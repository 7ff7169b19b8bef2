# results.csv of run.sh to an SVG: a pair of bars for each set, CPU seconds in proportion to Prometheus' (the long bar).
BEGIN {
    FS = ","
    left = 60; width = 420; row = 44
}
FNR > 1 && $2 ~ /^prometheus/ { order[++count] = $1; peer[$1] = $4; peer_rss[$1] = $6 }
FNR > 1 && $2 ~ /^stratal/ { ours[$1] = $4; our_rss[$1] = $6 }
END {
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n", count * row + 34
    print "<style>text{fill:#24292f}.peer{fill:#afb8c1}.ours{fill:#0969da}"
    print "@media(prefers-color-scheme:dark){text{fill:#d1d7e0}.peer{fill:#59636e}.ours{fill:#58a6ff}}</style>"
    print "<text x=\"0\" y=\"14\">CPU seconds and peak memory of one compaction: Prometheus (grey), Stratal (blue)</text>"
    for (i = 1; i <= count; i++) {
        set = order[i]; y = 30 + (i - 1) * row
        printf "<text x=\"0\" y=\"%d\" font-weight=\"bold\">%s</text>\n", y + 20, set
        bar("peer", y, width, peer[set], peer_rss[set])
        bar("ours", y + 17, width * ours[set] / peer[set], ours[set], our_rss[set])
    }
    print "</svg>"
}
function bar(class, y, length_, cpu, rss) {
    printf "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"14\"/>", class, left, y, length_
    printf "<text x=\"%.1f\" y=\"%d\">%.2f s, %.0f MiB</text>\n", left + length_ + 6, y + 11, cpu, rss
}
