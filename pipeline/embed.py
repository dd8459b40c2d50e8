"""Stage `embed`: turn the faces of a data set into vectors with one model.

Reads `models/MODEL/` and `data/faces/DATASET/`, writes `embeddings/MODEL/DATASET/embeddings.arrow`: image_id and
vectors (float32) as the model gives them, unnormalised, and the mirrored image's where the model asks for it. Of an
outside system, the vectors in its file; of one that gives only scores of pairs, `scores.arrow`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING, cast

import numpy as np

from pipeline import paths
from pipeline.artifacts import output_folder, read_json
from pipeline.embeddings import Floats, check_vectors, write_embeddings
from pipeline.errors import SitterError
from pipeline.progress import progress

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.faces.store import FaceStore
    from pipeline.models.external import External
    from pipeline.models.load import Embedder
    from pipeline.params import Study


def run(study: Study, model: str, dataset: str) -> None:
    """Write `embeddings/<model>/<dataset>/embeddings.arrow`.

    Raises:
        SitterError: the model or the faces are absent, there are no faces, or a vector is not finite.
    """
    from pipeline.faces.store import FaceStore

    if model not in study.models or dataset not in study.embed.datasets:
        raise SitterError(f"{model} on {dataset} is not in the study: see `models` and `embed.datasets`.")
    store = FaceStore(paths.faces(dataset))
    outside = external(model)
    if outside is not None:
        with output_folder(paths.embeddings(model, dataset)) as folder:
            said = outside.write(folder, dataset, store.image_ids, study.embed.datasets)
        print(f"{model} on {dataset}: {said}")
        return
    from pipeline.models.device import device  # torch
    from pipeline.models.load import load_model

    embedder = load_model(model, device())
    started = perf_counter()
    vectors, mirrored = embed(embedder, store, study.embed.batch)
    seconds = perf_counter() - started
    with output_folder(paths.embeddings(model, dataset)) as folder:
        write_embeddings(folder, store.image_ids, vectors, mirrored)
    print(
        f"{model} on {dataset}: {len(store)} faces, {embedder.dim} values each"
        f"{' (and mirrored)' if embedder.mirror else ''}, {1e3 * seconds / len(store):.1f} ms a face"
    )


def external(model: str) -> External | None:
    """The outside system that a model is; None for a network."""
    from pipeline.models import DESCRIPTION
    from pipeline.models.backbones import BACKBONES, EXTERNAL

    file = paths.model(model) / DESCRIPTION
    recorded = read_json(file).get("backbone", {}) if file.is_file() else {}
    if recorded.get("kind") not in EXTERNAL:
        return None
    options = BACKBONES.options(recorded["kind"]).model_validate(recorded)
    return cast("External", BACKBONES.make(options))


def embed(embedder: Embedder, store: FaceStore, batch: int) -> tuple[Floats, Floats | None]:
    """Vectors of all faces, in the store's order: float32 [n, dim], and of the mirrored ones if the model asks for it.

    Raises:
        SitterError: a vector is not finite or all zeros; names the image.
    """
    import torch

    from pipeline.models.preprocess import Normalise

    normalise = Normalise(embedder.module).to(embedder.device)
    vectors = np.empty((len(store), embedder.dim), np.float32)
    mirrored = np.empty_like(vectors) if embedder.mirror else None
    done = 0
    with torch.inference_mode(), progress(range(0), embedder.name, len(store), "face") as bar:
        for faces in batches(embedder, store, batch):
            x = normalise(faces.to(embedder.device, non_blocking=True)).contiguous(memory_format=torch.channels_last)
            rows = slice(done, done + len(x))
            vectors[rows] = embedder.module(x).float().cpu().numpy()
            if mirrored is not None:
                mirrored[rows] = embedder.module(x.flip(3)).float().cpu().numpy()
            check_vectors(vectors[rows], store.image_ids[rows], f"model {embedder.name}")
            done = rows.stop
            bar.update(len(x))
    return vectors, mirrored


def batches(embedder: Embedder, store: FaceStore, batch: int) -> Iterator[Tensor]:
    """Faces in the network's template, uint8 [≤ batch, S, S, 3], made ahead in threads while the network is at work."""
    import torch

    landmarks = store.crop_landmarks

    def make(rows: Sequence[int]) -> Tensor:
        faces = torch.from_numpy(np.stack([embedder.prepare.pixels(store.crop(i), landmarks[i]) for i in rows]))
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
