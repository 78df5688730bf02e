"""Graphs and files for whoever builds or serves engines with other tools: trtexec, Triton, DeepStream."""
