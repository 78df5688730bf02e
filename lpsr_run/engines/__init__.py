"""What runs a network: the protocol of engines, one file a runtime, and the choice among them."""
