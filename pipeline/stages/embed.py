"""Stage `embed`: turn the faces of a data set into vectors with one model.

The stage reads `models/MODEL/` and `data/faces/DATASET/`, and writes `embeddings/MODEL/DATASET/embeddings.arrow`:
image_id, the vectors (float32) as the model returns them, not normalised, and the vectors of the mirrored images if the
model asks for them.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.core.files import output_folder
from pipeline.core.layout import Layout
from pipeline.core.numbers import Singles
from pipeline.core.progress import progress
from pipeline.store.embeddings import check_vectors, write_as_they_come, write_versions

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from pipeline.core.pixels import RGBImage
    from pipeline.models.load import Embedder
    from pipeline.params import Study
    from pipeline.store.faces import FaceStore

logger = logging.getLogger(__name__)

T = TypeVar("T")


def run(study: Study, model: str, dataset: str, root: Path = Path()) -> None:
    """Write `embeddings/<model>/<dataset>/embeddings.arrow`.

    Raises:
        SitterError: the study does not embed this data set with this model, the model or the faces are absent, there
            are no faces, or a vector is not finite.
    """
    from pipeline.store.faces import FaceStore

    if model not in study.models or dataset not in study.embed.datasets:
        raise SitterError(
            f"The study has no embeddings of {dataset} by {model}: add the model under `models`, or the data set under "
            "`embed.datasets`."
        )
    at = Layout.of(study, root)
    store = FaceStore(at.faces(dataset))
    from pipeline.models.device import device  # torch
    from pipeline.models.load import load_model

    embedder = load_model(model, at, device())
    started = perf_counter()
    with output_folder(at.embeddings(model, dataset)) as folder:
        write_as_they_come(folder, store.image_ids, embed(embedder, store, study.embed.batch, study.embed.precision))
        write_versions(folder)
    seconds = perf_counter() - started
    logger.info(
        f"{model} on {dataset}: {len(store)} faces, {embedder.dim} values each"
        f"{' (and mirrored)' if embedder.mirror else ''}, {1e3 * seconds / len(store):.1f} ms a face"
    )


def embed(
    embedder: Embedder, store: FaceStore, batch: int, precision: Literal["auto", "fp32", "fp16", "bf16"] = "fp32"
) -> Iterator[list[Singles]]:
    """Yield the vectors of the faces batch by batch, in order: float32 [≤ batch, dim], with mirrored faces a second.

    A GPU gets the next batch before the vectors of the last one are checked.

    Args:
        embedder: the model; its `mirror` says whether mirrored faces are embedded, too.
        store: the faces.
        batch: the number of faces in the network at once.
        precision: the precision of the network on a GPU; `auto`: see `choose_precision`.

    Raises:
        SitterError: a vector is not finite or all zeros; the message names the image.
    """
    import torch

    from pipeline.models.precision import choose_precision, in_precision
    from pipeline.models.preprocess import Normalise

    normalise = Normalise(embedder.module).to(embedder.device)
    on_gpu = embedder.device.type == "cuda"
    chosen = precision if on_gpu else "fp32"

    @torch.inference_mode()
    def vectors(faces: Tensor) -> Sent:
        nonlocal chosen
        x = normalise(faces.to(embedder.device, non_blocking=True)).contiguous(memory_format=torch.channels_last)
        if chosen == "auto":
            chosen = choose_precision(embedder.module, x)
        with in_precision(chosen, embedder.device):
            found = [embedder.module(way).float() for way in ((x, x.flip(3)) if embedder.mirror else (x,))]
        return Sent.of(found)

    done = 0
    with progress(range(0), embedder.name, len(store), "face") as bar:
        for sent in one_behind(map(vectors, batches(embedder, store, batch)), 1 if on_gpu else 0):
            found = sent.arrived()
            check_vectors(found[0], store.image_ids[done : done + len(found[0])], f"model {embedder.name}")
            yield found
            done += len(found[0])
            bar.update(len(found[0]))


@dataclass(frozen=True)
class Sent:
    """Vectors on their way from the device."""

    vectors: list[Tensor]
    """Tensors on the CPU, float32 [B, dim] each, which are valid once `ready` has happened."""
    ready: torch.cuda.Event | None
    """The end of the copy; None if there was nothing to copy."""

    @classmethod
    def of(cls, vectors: list[Tensor]) -> Sent:
        """Send vectors to the CPU without waiting for the device."""
        import torch

        if not vectors[0].is_cuda:
            return cls(vectors, None)
        here = [torch.empty(v.shape, pin_memory=True).copy_(v, non_blocking=True) for v in vectors]
        ready = torch.cuda.Event()  # type: ignore[no-untyped-call]
        ready.record()
        return cls(here, ready)

    def arrived(self) -> list[Singles]:
        """Wait for the vectors and return them as arrays."""
        if self.ready is not None:
            self.ready.synchronize()
        return [vectors.numpy() for vectors in self.vectors]


def one_behind(items: Iterable[T], ahead: int) -> Iterator[T]:
    """Yield items in their order, each only after the next `ahead` items were made."""
    made: deque[T] = deque()
    for item in items:
        made.append(item)
        if len(made) > ahead:
            yield made.popleft()
    yield from made


def batches(embedder: Embedder, store: FaceStore, batch: int) -> Iterator[Tensor]:
    """Yield faces in the network's template, uint8 [≤ batch, S, S, 3]; threads prepare them while the network works."""
    import torch

    prepare = embedder.prepare
    landmarks = None if prepare.as_stored else store.crop_landmarks

    def pixels(i: int) -> RGBImage:
        return store.crop(i) if landmarks is None else prepare.pixels(store.crop(i), landmarks[i])

    def make(rows: Sequence[int]) -> Tensor:
        faces = torch.from_numpy(np.stack([pixels(i) for i in rows]))
        return faces.pin_memory() if embedder.device.type == "cuda" else faces

    threads = max(1, torch.get_num_threads())
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[Tensor]] = deque()
        for start in range(0, len(store), batch):
            ahead.append(pool.submit(make, range(start, min(start + batch, len(store)))))
            if len(ahead) > threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
