"""What a trained network is worth: rates, comparison with other networks and the paper, fusion of frames, ablation."""
