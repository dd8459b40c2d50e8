"""Losses, one a file.

A loss is an `nn.Module` made with `(dim, sitters)`: the length of the embeddings and the number of training sitters;
`loss(embeddings [B, dim], labels int64 [B])` is a scalar. The training
loop calls it in float32, outside of mixed precision, with the whole batch of all processes. Parameters of its own
(class centres) are trained with the model; buffers of its own (running means) go into checkpoints with them.

A softmax over class centres with another margin derives from `pipeline.losses.margin.MarginSoftmax`, which brings
Partial FC and centres that are shared out to the processes.
"""
