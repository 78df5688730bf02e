"""PyTorch: plate renderer, data sets, networks, losses, training, evaluation."""
