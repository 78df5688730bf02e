"""ONNX graphs, without torch: on disk, edited, in half precision, and in the form that a runtime wants."""
