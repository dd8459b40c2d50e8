"""torchvision can be imported beside a CPU-only torch, and its non-maximum suppression works."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch


@pytest.mark.slow
def test_torchvision_is_importable_in_a_fresh_process():
    code = """
import pipeline.core.torchvision_ops, torch, torchvision, timm
from torchvision.ops import nms
boxes = torch.tensor([[0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30.0]])
print(nms(boxes, torch.tensor([0.5, 0.9, 0.7]), 0.5).tolist())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[1, 2]"


def test_suppression_keeps_what_its_definition_says():
    generator = torch.Generator().manual_seed(0)
    corner = 100 * torch.rand(200, 2, generator=generator)
    boxes = torch.cat([corner, corner + 10 + 30 * torch.rand(200, 2, generator=generator)], 1)
    scores = torch.rand(200, generator=generator)

    def overlap(a: torch.Tensor, b: torch.Tensor) -> float:
        shared = (torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0).prod()
        return float(shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared))

    kept: list[int] = []
    for i in scores.argsort(descending=True).tolist():
        if all(overlap(boxes[i], boxes[j]) <= 0.3 for j in kept):
            kept.append(i)
    from pipeline.core.torchvision_ops import nms

    assert nms(boxes, scores, 0.3).tolist() == kept
    assert nms(boxes[:0], scores[:0], 0.3).tolist() == []
