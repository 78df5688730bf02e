"""Plates that were photographed: pairs made of them, lists of pairs, and tracks of real pairs."""
