"""Losses, one per file.

A loss is an `nn.Module` that is constructed with `(dim, sitters)`, the length of the embeddings and the number of
training sitters. `loss(embeddings [B, dim], labels int64 [B])` returns a scalar. The training loop calls it in float32,
outside of mixed precision, with the whole batch of all processes. Its own parameters (class centres) are trained with
the model; its own buffers (running means) are saved in checkpoints with them.

A softmax over class centres with another margin derives from `pipeline.losses.margin.MarginSoftmax`, which supports
Partial FC and class centres that are sharded across processes.
"""
