"""Models that leave the project: as an ONNX graph, or as a folder of weights and plain PyTorch; with a model card."""
