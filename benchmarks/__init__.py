"""Speed and memory of each stage beside a peer, in the same run: `make bench`, or one figure by itself.

python -m benchmarks.training [--mirror DIR]
"""
