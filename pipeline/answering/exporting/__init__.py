"""Export of models as an ONNX graph, or as a folder of weights and plain PyTorch; each with a model card."""
