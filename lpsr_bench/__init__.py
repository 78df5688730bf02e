"""Throughput, latency and accuracy of the released networks on this machine, beside the paper's figures."""
