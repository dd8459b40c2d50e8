"""Models: backbones, adaptations, and weights from elsewhere."""
