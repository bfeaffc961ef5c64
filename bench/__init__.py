"""Speed, measured as ratios against peers in the same run: see docs/benchmarks.md."""
