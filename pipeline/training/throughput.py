"""The speed of a training relative to its device: floating-point operations (FLOPs) for a face, and peaks of GPUs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode


class Peak(NamedTuple):
    """The peak of a GPU in 10¹² FLOPs per second: its matrix units, dense, with sums in float32.

    None means that the GPU has no units for this precision.
    """

    fp16: float
    bf16: float | None
    fp32: float
    """From Ampere on, the peak of TF32, in which PyTorch lets cuDNN compute convolutions; before, of the CUDA cores."""


# Peaks by the name from torch.cuda.get_device_name; if several names fit, the longest counts. Sources: NVIDIA's
# datasheet of each GPU (many print the figures "with sparsity", which are twice these) and, for GeForce and RTX, its
# whitepapers of the architectures GA102 and AD102, the figures "with FP32 accumulate".
PEAKS = {
    "H200": Peak(989.4, 989.4, 494.7),
    "GH200": Peak(989.4, 989.4, 494.7),
    "H100": Peak(989.4, 989.4, 494.7),  # SXM: "NVIDIA H100 80GB HBM3"
    "H100 PCIe": Peak(756.0, 756.0, 378.0),
    "H100 NVL": Peak(835.5, 835.5, 417.5),
    "A100": Peak(312.0, 312.0, 156.0),
    "A40": Peak(149.7, 149.7, 74.8),
    "A30": Peak(165.0, 165.0, 82.0),
    "A10": Peak(125.0, 125.0, 62.5),
    "A10G": Peak(70.0, 70.0, 35.0),
    "L40S": Peak(362.0, 362.0, 183.0),
    "L40": Peak(181.0, 181.0, 90.5),
    "L4": Peak(121.0, 121.0, 60.0),
    "V100-SXM2": Peak(125.0, None, 15.7),
    "V100-PCIE": Peak(112.0, None, 14.0),
    "T4": Peak(65.0, None, 8.1),
    "RTX A6000": Peak(154.8, 154.8, 77.4),
    "RTX 6000 Ada": Peak(364.2, 364.2, 182.1),
    "RTX 3090": Peak(71.0, 71.0, 35.6),
    "RTX 4090": Peak(165.2, 165.2, 82.6),
}


def peak_of(name: str, precision: str) -> float | None:
    """Return the peak of a device in FLOPs per second; None if it is not known.

    Args:
        name: the name of the device, from torch.cuda.get_device_name.
        precision: fp16, bf16 or fp32.

    >>> peak_of("NVIDIA A100-SXM4-80GB", "bf16"), peak_of("NVIDIA H100 80GB HBM3", "fp32")
    (312000000000000.0, 494700000000000.0)
    >>> peak_of("Tesla V100-SXM2-32GB", "bf16"), peak_of("NVIDIA RTX 3090 Ti", "fp16"), peak_of("cpu", "fp32")
    (None, None, None)
    """
    words = f" {name.replace('-', ' ')} "
    found = [gpu for gpu in PEAKS if f" {gpu.replace('-', ' ')} " in words]
    if not found or " Ti " in words or " Laptop " in words or " MIG " in words:
        return None
    tera: float | None = getattr(PEAKS[max(found, key=len)], precision)
    return None if tera is None else 1e12 * tera


def flops(network: nn.Module, inputs: Tensor) -> float:
    """Return the FLOPs for one face, forward and backward, in all layers that are trained or that gradients pass.

    Matrix products, convolutions and attention are counted, as is usual for the share of a device's peak (model FLOPs
    utilisation; Chowdhery et al.: PaLM, 2022, arXiv 2204.02311, appendix B). Operations that are repeated to save
    memory count once, and the loss is left out (class centres of 85,742 sitters add less than 1 % to a ResNet-50).
    The count takes one pass on the device, with copies of the statistics and gradients, so the network stays unchanged.

    Args:
        network: [b, …] → [b, D]; in training mode.
        inputs: the inputs of at least two faces, for batch statistics.
    """
    state = {name: p.detach().requires_grad_(p.requires_grad) for name, p in network.named_parameters()}
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    with FlopCounterMode(display=False) as counted, torch.enable_grad():
        embeddings = functional_call(network, (state, buffers), (inputs,))
        if embeddings.requires_grad:
            embeddings.sum().backward()
    return float(counted.get_total_flops()) / len(inputs)


def peak(device: torch.device, precision: str) -> float | None:
    """Return the peak of a device in FLOPs per second; None if it is not known, as for a CPU."""
    return peak_of(torch.cuda.get_device_name(device), precision) if device.type == "cuda" else None
