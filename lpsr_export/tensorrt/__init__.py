"""Engines of TensorRT and of TensorRT for RTX: profiles, the plugin, building, inspection."""
