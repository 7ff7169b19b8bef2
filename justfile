# One-liners over the scripts and cargo; nothing needs `just`.

# The gate, as continuous integration runs it.
check:
    .ci/run

# Every test of the workspace.
test *ARGS:
    cargo test --workspace --locked {{ARGS}}

# Lints as the gate holds them.
lint:
    cargo fmt --all --check && cargo clippy --workspace --all-targets --locked -- -D warnings

# The demo on a generated bucket.
demo *ARGS:
    cargo run --release --locked -- demo {{ARGS}}

# Benches of every crate.
bench *ARGS:
    cargo bench --workspace --locked {{ARGS}}

# One fuzz target (needs nightly and cargo-fuzz).
fuzz TARGET *ARGS:
    cargo +nightly fuzz run {{TARGET}} {{ARGS}}

# The compactor in a simulated world, through N seeds from FIRST on.
sim N FIRST="0":
    STRATAL_SIM_SEEDS={{N}} STRATAL_SIM_SEED={{FIRST}} cargo test -p stratal-compactor --test simulation --locked

# The scripts beside a live Prometheus and promtool.
live:
    for script in tests/live/{promtool,query,promql,compaction}.sh; do "$script" || exit 1; done

# Our compaction beside Prometheus' own on generated sets: equal first, then CPU and memory.
bench-peers *ARGS:
    cargo build --release --locked && benches/peers/run.sh {{ARGS}}

# Our queries beside Prometheus' over the same blocks: equal first, then CPU and memory.
bench-query *ARGS:
    cargo build --release --locked && benches/query/run.sh {{ARGS}}
