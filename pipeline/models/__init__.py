"""Models: backbones, adaptations, weights from elsewhere."""

# In `models/<name>/`, of a network as of a fusion.
DESCRIPTION = "model.json"
WEIGHTS = "weights.safetensors"
CENTRES = "centres.safetensors"
