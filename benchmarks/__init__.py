"""Workloads that users run, beside a hand-tuned bound: see docs/performance.md."""
