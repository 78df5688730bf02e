"""Forensic reports: frames of one vehicle, likelihood ratios of candidate texts, and their comparison with the pixels.

Imports `lpsr_core`, `lpsr_run` and, of the training side, `lpsr_train.plates` alone, which draws plates without
PyTorch.
"""
