"""What benchmarks share: a stack to measure, what machine it is, and where the figures are kept."""
