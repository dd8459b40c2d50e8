"""The base of fusions by a small network: they start as the linear score fusion and are trained on train images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.core.numbers import Singles
from pipeline.fusions.fit_pairs import Truth, calibrate, cosines, rows_of, truth
from pipeline.fusions.fused import Kind
from pipeline.fusions.score import Score
from pipeline.params.fusions.learned import LearnedOptions

# Sitters in a batch, images of each, and the least number of batches in an epoch, if fewer would hold all images.
SITTERS, IMAGES, BATCHES = 16, 8, 10
# An epoch is evaluated on all pairs of at most this many val images; slope and offset are initialised on as many train
# images.
MOST_IMAGES = 600
# Least weight of a model at the start, so that the weight can still grow.
LEAST_WEIGHT = 0.01
BLOCK = 4096


class Net(nn.Module, ABC):
    """A network over the models' unit vectors; at the start it is concatenation with fixed weights."""

    base: Tensor
    """Logarithms of the weights at the start, float32 [k]; a subclass adds its own logits to them."""

    def __init__(self, dims: Sequence[int], dropout: float) -> None:
        """Set up the input.

        Args:
            dims: length of each model's vectors.
            dropout: share of the elements of `seen` that are dropped in training.
        """
        super().__init__()
        self.dims, self.dropout = list(dims), nn.Dropout(dropout)
        self.register_buffer("base", torch.zeros(len(dims)))

    def seen(self, units: Sequence[Tensor]) -> list[Tensor]:
        """Return the input of the decision: the unit vectors with elements scaled to about 1, many dropped in training.

        Without dropout, the network would memorise a few thousand vectors.
        """
        return [self.dropout(d**0.5 * u) for d, u in zip(self.dims, units, strict=True)]

    @abstractmethod
    def weights(self, units: Sequence[Tensor]) -> Tensor:
        """Return each model's weight for each image, [n, k] with row sums 1, from float32 [n, d_1] … [n, d_k]."""

    @abstractmethod
    def forward(self, units: Sequence[Tensor]) -> Tensor:
        """Fuse float32 [n, d_1] … [n, d_k] to unit vectors [n, d]."""


class Learned(Kind):
    """A fusion by a network, trained on train sitters; the epoch that is kept is chosen on val sitters."""

    needs_train = needs_val = True
    name: str
    """Name of the kind, for messages."""

    def __init__(self, options: LearnedOptions) -> None:
        self.epochs, self.lr, self.dropout = options.epochs, options.lr, options.dropout
        self.kept: dict[str, Singles] = {}
        self.found: dict[str, Any] = {}

    @abstractmethod
    def network(self, dims: Sequence[int]) -> Net:
        """Return a new network for vectors of these lengths; the state of torch's generator determines it."""

    def fit(self, units: Sequence[Singles], sitters: Sequence[str], subset: Sequence[str], seed: int) -> None:
        """Train by balanced logistic loss on the pairs of a batch; slope and offset are learned, too.

        Training starts from the fusion `score` (which may choose plain concatenation). The epoch with the lowest Cllr
        on the val sitters, after recalibration on them, is kept. This may be the start, if no epoch is better.

        Raises:
            SitterError: the train or the val images have no genuine or no impostor pairs.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._train(units, sitters, subset, seed)

    def _train(self, units: Sequence[Singles], sitters: Sequence[str], subset: Sequence[str], seed: int) -> None:
        linear = Score()
        linear.name = self.name
        linear.fit(units, sitters, subset, seed)
        judged, some = (rows_of(subset, word, MOST_IMAGES, seed) for word in ("val", "train"))
        genuine = truth(sitters, judged, self.name, "val")
        learned = np.flatnonzero(np.asarray(subset) == "train")
        labels = np.unique(np.asarray(sitters)[learned], return_inverse=True)[1]
        trials, taught = ([torch.from_numpy(np.ascontiguousarray(u[r])) for u in units] for r in (judged, learned))
        net = self.network([u.shape[1] for u in units])
        net.base.copy_(torch.from_numpy(np.log(np.maximum(linear.weights, LEAST_WEIGHT))))
        known = cosines(units, some) @ linear.weights
        slope, offset, _ = calibrate(known, truth(sitters, some, self.name, "train"))
        scale = nn.Parameter(torch.tensor([np.log(max(slope, 1e-3)), offset], dtype=torch.float32))
        optimiser = torch.optim.Adam([*net.parameters(), scale], lr=self.lr)
        rng = np.random.default_rng([seed, len(learned)])
        costs = [_cost(net, trials, genuine)]
        self._keep(net)
        for _ in range(self.epochs):
            net.train()
            for rows in _batches(labels, rng):
                optimiser.zero_grad()
                loss = _loss(net([u[rows] for u in taught]), torch.from_numpy(labels[rows]), scale)
                torch.autograd.backward(loss)
                optimiser.step()
            costs.append(_cost(net, trials, genuine))
            if costs[-1] < min(costs[:-1]):
                self._keep(net)
        with torch.inference_mode():
            spread = self._restored([u.shape[1] for u in units]).weights(trials)
        self.found = {
            "epoch": int(np.argmin(costs)),
            "epochs": self.epochs,
            "val_cllr": round(min(costs), 6),
            "val_cllr_linear": round(costs[0], 6),
            "val_cllr_equal": round(linear.val_cllr_equal, 6),
            "mean_weights": [round(float(w), 6) for w in spread.mean(0)],
            "weights_deviation": [round(float(w), 6) for w in spread.std(0)],
        }

    def apply(self, units: Sequence[Singles]) -> Singles:
        """Fuse float32 [n, d_1] … [n, d_k] to [n, d] with rows of length 1."""
        net = self._restored([u.shape[1] for u in units])
        with torch.inference_mode():
            blocks = [
                net([torch.from_numpy(np.ascontiguousarray(u[start : start + BLOCK])) for u in units])
                for start in range(0, len(units[0]), BLOCK)
            ]
        return cast(Singles, torch.cat(blocks).numpy())

    def state(self) -> dict[str, Singles]:
        """Return the network's parameters, by name."""
        return self.kept

    def load(self, state: dict[str, Singles]) -> None:
        """Restore the network's parameters."""
        self.kept = dict(state)

    def findings(self) -> dict[str, Any]:
        """Return the kept epoch, mean weights, and Cllr on the val sitters (also of linear fusion and equal
        weights)."""
        return self.found

    def _keep(self, net: Net) -> None:
        self.kept = {name: value.detach().numpy().copy() for name, value in net.state_dict().items()}

    def _restored(self, dims: Sequence[int]) -> Net:
        with torch.random.fork_rng(devices=[]):
            net = self.network(dims)
        net.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in self.kept.items()})
        return net.eval()


def _batches(labels: NDArray[np.intp], rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Yield the rows of the batches of one epoch: some sitters (with two images or more), and some images of each."""
    by_sitter = [rows for s in range(labels.max() + 1) if len(rows := np.flatnonzero(labels == s)) > 1]
    for _ in range(max(BATCHES, len(labels) // (SITTERS * IMAGES))):
        chosen = rng.permutation(len(by_sitter))[:SITTERS]
        yield np.concatenate([rng.permutation(by_sitter[s])[:IMAGES] for s in chosen])


def _loss(fused: Tensor, labels: Tensor, scale: Tensor) -> Tensor:
    """Return the average of the genuine and the impostor pairs' mean logistic losses; logit = e^scale₀ cos + scale₁."""
    i, j = torch.triu_indices(len(labels), len(labels), 1)
    logits = scale[0].exp() * (fused @ fused.T)[i, j] + scale[1]
    genuine = labels[i] == labels[j]
    sides = [F.softplus(-logits[genuine]), F.softplus(logits[~genuine])]
    return cast(Tensor, sum(side.mean() for side in sides if len(side)) / 2)


def _cost(net: Net, trials: Sequence[Tensor], genuine: Truth) -> float:
    """Return Cllr on all pairs of val images, after calibration on these pairs."""
    net.eval()
    with torch.inference_mode():
        fused = cast(Singles, net(trials).numpy())
    return calibrate(cosines([fused], np.arange(len(fused)))[:, 0], genuine)[2]
