#!/usr/bin/env python3
"""What training and serving cost on larger machines, from counted operations and stated rates: the tables of docs/scaling.md.

Everything here is projected. Operations are those of `trm_model_config_cost` (docs/performance.md lists them); rates are
measured where the table says so, else what the maker of a card states, times the share that a training reached elsewhere.
The reduction of gradients is simulated link by link: src/dist sums slices in a binary tree, so that the result has the same
bytes for any number of ranks, and that order has a price which grows with the logarithm of the ranks.

  bench/scaling.py          the tables, as they stand in docs/scaling.md
  bench/scaling.py --json   the same numbers
"""
import json
import sys

# GFLOP of a step and of a training step of one example; weights; updates of the published run, of 768 examples each.
# Updates: epochs x groups / 768 with 50,000 x 1,000 (Sudoku, maze) and 100,000 x 960 (ARC-AGI-1 with ConceptARC).
NETWORKS = {
    "sudoku-mlp": dict(step=25.63, training=42.72, weights=5_028_866, updates=50_000 * 1_000 // 768),
    "maze": dict(step=238.85, training=398.10, weights=6_822_914, updates=50_000 * 1_000 // 768),
    "arc": dict(step=238.86, training=398.11, weights=6_829_058, updates=100_000 * 960 // 768),
}
BATCH, STEPS = 768, 16
# TFLOP/s. cores2: two virtual cores of an AMD EPYC with AVX2, measured (docs/performance.md, batch 8 or 2). h100: 790 of dense
# bf16 products, of which the aims of docs/performance.md are a share. l40s: 362 stated by its maker.
CORES2 = {"sudoku-mlp": (0.161, 0.164), "maze": (0.170, 0.138), "arc": (0.144, 0.141)}  # one puzzle, training
H100, L40S, SHARE = 790.0, 362.0, {"sudoku-mlp": 0.45, "maze": 0.35, "arc": 0.35}
SEED = {  # what the founding document states: hours, cards, TFLOP/s of one, latency in ms, accuracy
    "sudoku-mlp": ("Sudoku-Extreme", 36, 1, "L40S", L40S, 10, 87),
    "maze": ("Maze-Hard", 24, 4, "L40S", L40S, 15, 85),
    "arc": ("ARC-AGI-1", 72, 4, "H100", H100, 50, 45),
}
DAY = 86_400.0


def operations(name):
    """FLOP of the whole published training."""
    n = NETWORKS[name]
    return n["updates"] * BATCH * n["training"] * 1e9


def reduction(ranks, size, latency, bandwidth, chunks=1):
    """Seconds until all of 2^k ranks hold the sum of `size` bytes: up a binary tree, and down again, in `chunks` that follow
    one another. Each rank sends and receives one message at a time; a message takes latency + bytes / bandwidth.

    Returns (seconds, bytes that cross links, bytes that the busiest rank receives)."""
    if ranks & (ranks - 1):
        raise ValueError(f"{ranks} ranks: expected a power of two")
    levels = ranks.bit_length() - 1
    piece = size / chunks
    cost = latency + piece / bandwidth
    ready = [[0.0] * chunks for _ in range(ranks)]  # when a rank has the sum of its subtree
    receives, sends = [0.0] * ranks, [0.0] * ranks  # until when its link is busy
    received = [0.0] * ranks
    moved = 0.0

    def send(source, target, chunk):
        nonlocal moved
        begin = max(ready[source][chunk], sends[source], receives[target])
        end = begin + cost
        sends[source] = receives[target] = end
        received[target] += piece
        moved += piece
        return end

    for level in range(levels):  # rank r takes from r + 2^level what that has summed, in the order of the slices
        stride = 1 << level
        for chunk in range(chunks):
            for rank in range(0, ranks, 2 * stride):
                ready[rank][chunk] = max(ready[rank][chunk], send(rank + stride, rank, chunk))
    for level in reversed(range(levels)):
        stride = 1 << level
        for chunk in range(chunks):
            for rank in range(0, ranks, 2 * stride):
                ready[rank + stride][chunk] = send(rank, rank + stride, chunk)
    return max(max(row) for row in ready), moved, max(received)


def hours(seconds):
    return f"{seconds / 3600:.1f} h" if seconds < 3 * DAY else f"{seconds / DAY:,.0f} days"


def seed_rows():
    rows = []
    for name, (task, limit, cards, card, peak, latency, accuracy) in SEED.items():
        n, total = NETWORKS[name], operations(name)
        implied = total / (limit * 3600 * cards) / 1e12
        share = SHARE[name]
        rows.append({
            "task": task, "stated": f"{limit} h on {cards} {card}, {latency} ms, {accuracy} %", "operations": total,
            "implied_tflops": implied, "implied_share": implied / peak,
            "h100_s": total / (share * H100 * 1e12), "cores2_s": total / (CORES2[name][1] * 1e12),
            "one_puzzle_cores2_s": STEPS * n["step"] / (CORES2[name][0] * 1e3),
            "one_puzzle_h100_ms": STEPS * n["step"] / H100,
        })
    return rows


def cluster_rows(name="sudoku-mlp", latency=5e-6, bandwidth=50e9, chunks=8):
    """An update of 768 examples on more and more cards whose links have 400 Gbit/s."""
    n, rows = NETWORKS[name], []
    size = 4 * n["weights"]
    one = BATCH * n["training"] * 1e9 / (SHARE[name] * H100 * 1e12)
    for ranks in (1, 8, 64, 512, 1024):
        seconds, moved, busiest = reduction(ranks, size, latency, bandwidth, chunks)
        computing = one / min(ranks, BATCH)
        rows.append({"cards": ranks, "examples": BATCH / ranks, "computing_s": computing, "reducing_s": seconds,
                     "moved_bytes": moved, "busiest_bytes": busiest, "speedup": one / (computing + seconds),
                     "weak_share": one / (one + seconds)})
    return rows


def daily_rows():
    """A million puzzles a day, in cores or cards."""
    small = 481.0 / 2048  # processor seconds of one core a puzzle, docs/accuracy.md: sudoku-extreme, 500 steps, AVX2
    large = STEPS * NETWORKS["sudoku-mlp"]["step"]  # GFLOP
    rows = []
    for name, each in (("extreme Sudoku by `sudoku-extreme`, search of 500 steps, 75 %", small),
                       ("9x9 by the published network, 16 steps", large / (CORES2["sudoku-mlp"][1] * 1e3 / 2))):
        rows.append({"what": name, "core_seconds": each, "cores": 1e6 * each / DAY,
                     "two_cores_a_day": 2 * DAY / each, "sixtyfour_cores_a_day": 64 * DAY / each})
    rows[1]["h100_a_day"] = DAY / (large * 1e9 / (SHARE["sudoku-mlp"] * H100 * 1e12))
    return rows


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def tables():
    parts = [table(
        ["task", "stated by the seed", "operations of the published run", "that would need of each card",
         "training on one H100, projected", "on two AVX2 cores, projected", "one puzzle, 16 steps: two cores",
         "H100, arithmetic alone"],
        [[r["task"], r["stated"], f"{r['operations']:.2g}", f"{r['implied_tflops']:.0f} TFLOP/s, {100 * r['implied_share']:.0f} %",
          hours(r["h100_s"]), hours(r["cores2_s"]), f"{r['one_puzzle_cores2_s']:.1f} s", f"{r['one_puzzle_h100_ms']:.1f} ms"]
         for r in seed_rows()])]
    parts.append(table(
        ["cards", "examples a card", "computing", "reducing", "bytes over links", "received by the busiest", "speed of one, times",
         "share of time computing if each had 768"],
        [[f"{r['cards']:,}", f"{r['examples']:.3g}", f"{1e3 * r['computing_s']:.2f} ms", f"{1e3 * r['reducing_s']:.2f} ms",
          f"{r['moved_bytes'] / 1e6:,.0f} MB", f"{r['busiest_bytes'] / 1e6:,.0f} MB", f"{r['speedup']:.1f}",
          f"{100 * r['weak_share']:.0f} %"] for r in cluster_rows()]))
    parts.append(table(
        ["a puzzle", "seconds of a core", "cores for a million a day", "two cores, a day", "64 cores, a day", "one H100, a day"],
        [[r["what"], f"{r['core_seconds']:.2f}", f"{r['cores']:.1f}", f"{r['two_cores_a_day']:,.0f}",
          f"{r['sixtyfour_cores_a_day']:,.0f}", f"{r['h100_a_day']:,.0f}" if "h100_a_day" in r else "not measured"]
         for r in daily_rows()]))
    return parts


def main(arguments):
    if arguments == ["--json"]:
        print(json.dumps({"seed": seed_rows(), "cluster": cluster_rows(), "daily": daily_rows()}, indent=1))
    elif not arguments:
        print("\n\n".join(tables()))
    else:
        print("usage: bench/scaling.py [--json]", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
