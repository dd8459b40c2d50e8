"""The vision transformer (Dosovitskiy et al. 2020, arXiv 2010.11929) as the stages of a backbone.

open_clip and timm build the networks and read their files. Their modules are rearranged here, so that each block is a
stage, and query, key, value and output are four linear layers. In the libraries the first three are one matrix
(`in_proj` of PyTorch's attention, `qkv` of timm's), which peft adapts as a whole or not at all; but LoRA is usually
applied to query and value only.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Patches(nn.Module):
    """Maps an image to tokens: projects each patch, prepends further tokens, adds positions, and normalises."""

    def __init__(self, project: nn.Conv2d, prefix: Tensor | None, positions: Tensor, norm: nn.Module) -> None:
        """Join modules that a library has built.

        Args:
            project: a convolution with a stride equal to its kernel.
            prefix: [p, C], tokens before the patches (class, registers); None: there are none.
            positions: [p + n, C], or [n, C] if only the n patches have positions.
            norm: the normalisation after them; many networks have none (an identity).
        """
        super().__init__()
        self.project, self.norm = project, norm
        self.prefix = None if prefix is None else nn.Parameter(prefix.detach().clone())
        self.positions = nn.Parameter(positions.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, 3, S, S] to [B, p + n, C]."""
        x = self.project(x).flatten(2).transpose(1, 2)
        only_patches = len(self.positions) == x.shape[1]
        if only_patches:
            x = x + self.positions
        if self.prefix is not None:
            x = torch.cat([self.prefix.expand(len(x), -1, -1), x], 1)
        return cast(Tensor, self.norm(x if only_patches else x + self.positions))


class SelfAttention(nn.Module):
    """Self-attention over all tokens, with separate linear layers for query, key, value and output."""

    def __init__(self, weight: Tensor, bias: Tensor | None, out: nn.Linear, heads: int) -> None:
        """Split a fused projection.

        Args:
            weight: [3 C, C], query, key and value stacked.
            bias: [3 C].
            out: the output layer, C → C.
            heads: number of heads that share C.
        """
        super().__init__()
        self.heads = heads
        biases = [None] * 3 if bias is None else bias.chunk(3)
        self.q, self.k, self.v = (_linear(w, b) for w, b in zip(weight.chunk(3), biases, strict=True))
        self.out = _linear(out.weight, out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[B, tokens, C] to the same."""
        q, k, v = (layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        return cast(Tensor, self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)))


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    layer: nn.Linear = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        nn.Linear, weight.shape[1], weight.shape[0], bias=bias is not None
    )
    layer.weight.data.copy_(weight.detach())
    if bias is not None:
        layer.bias.data.copy_(bias.detach())
    return layer


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); both addends are scaled if the network does so."""

    def __init__(
        self, norms: tuple[nn.Module, nn.Module], attention: SelfAttention, mlp: nn.Module, scales: Iterable[nn.Module]
    ) -> None:
        super().__init__()
        self.norm1, self.norm2 = norms
        self.attention, self.mlp = attention, mlp
        self.scale1, self.scale2 = scales

    def forward(self, x: Tensor) -> Tensor:
        """[B, tokens, C] to the same."""
        x = x + self.scale1(self.attention(self.norm1(x)))
        return cast(Tensor, x + self.scale2(self.mlp(self.norm2(x))))


class TokenReadout(nn.Module):
    """Maps tokens to a vector: normalises, takes the class token or the mean of the patches, and may project it."""

    def __init__(self, norm: nn.Module, prefix: int, class_token: bool, projection: Tensor | None = None) -> None:
        """Join modules that a library has built.

        Args:
            norm: the normalisation of each token.
            prefix: number of tokens before the patches.
            class_token: whether the first of them is the vector; otherwise the mean of the patches is.
            projection: [C, D]; None: no projection.
        """
        super().__init__()
        self.norm, self.prefix, self.class_token = norm, prefix, class_token
        self.fc = nn.Identity() if projection is None else _linear(projection.T, None)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, tokens, C] to [B, D]."""
        x = self.norm(x)
        return cast(Tensor, self.fc(x[:, 0] if self.class_token else x[:, self.prefix :].mean(1)))


def stages(patches: Patches, blocks: Iterable[Block], head: TokenReadout) -> nn.Sequential:
    """Return the stages `patches`, `block1` …, `head`."""
    named = OrderedDict[str, nn.Module](patches=patches)
    named.update((f"block{n}", block) for n, block in enumerate(blocks, 1))
    named["head"] = head
    return nn.Sequential(named)
