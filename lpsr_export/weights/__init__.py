"""Between the weights of a training run and ONNX graphs, both ways: the one room that needs PyTorch."""
