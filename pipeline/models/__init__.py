"""Models: backbones, adaptations, weights from elsewhere."""
