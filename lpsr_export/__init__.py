"""Weights -> ONNX -> FP16 and INT8 graphs -> engines."""
