"""Write a data set in the format of InsightFace, for other programs or as a source of another study.

The command writes `train.rec`, `train.idx` and `property` (the faces of the train and val sitters) into FOLDER, with
`labels.csv`, which says which label is which sitter. It also writes `DATASET.bin` (pairs of the test sitters in ten
folds). Sources of the kinds `recordio` and `verification-bin` read these files. The faces come from `align`, and the
subsets from `split`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError
from pipeline.core.files import write_csv
from pipeline.core.layout import Layout
from pipeline.store.splits import KNOWN, TESTED, pairs_file, read_pairs, sitters_of

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.store.faces import FaceStore

logger = logging.getLogger(__name__)

FOLDS = 10
MOST = 6000
"""Number of pairs, half of them genuine, as in LFW."""
PackedPairs = list[tuple[str, str, bool]]


def run(study: Study, dataset: str, folder: str, root: Path = Path()) -> None:
    """Write the training set and the verification set of a data set into a folder.

    Raises:
        SitterError: it is not aligned or split yet, or has neither train sitters nor test pairs.
    """
    at = Layout.of(study, root)
    packed = training_set([dataset], Path(folder) / "train.rec", at)
    if not verification_set(study, dataset, dataset, Path(folder) / f"{dataset}.bin", at) and not packed:
        raise SitterError(f"{dataset} has neither train or val sitters nor pairs to test on: change its split.")


def training_set(datasets: Sequence[str], path: Path, at: Layout) -> int:
    """Pack the faces of the train and val sitters, write `labels.csv` beside them, and return the number of faces.

    Args:
        datasets: data sets; a name means the same sitter in all of them.
        path: the `.rec` file to write.
        at: the project with the faces.
    """
    from pipeline.formats.recordio import write_training_set

    known = [(store.sitters[i], store, i) for store, rows in (_faces(d, KNOWN, at) for d in datasets) for i in rows]
    if known:
        names = sorted({name for name, _, _ in known})
        label = {name: n for n, name in enumerate(names)}
        known.sort(key=lambda face: label[face[0]])
        write_training_set(path, ((label[name], bytes(store.encoded(i))) for name, store, i in known))
        table = [{"label": n, "sitter": name} for name, n in label.items()]
        write_csv(path.with_name("labels.csv"), table, ["label", "sitter"])
        logger.info(f"{path}: {len(known)} faces of {len(names)} sitters")
    return len(known)


def verification_set(study: Study, first: str, second: str, path: Path, at: Layout) -> int:
    """Pack pairs of test images, and return their number: the data set's own pairs if it has some, else drawn pairs.

    Args:
        study: its seed is used to draw the pairs.
        first, second: data sets of the first and of the second image of each pair.
        path: the `.bin` file to write.
        at: the project with the faces.
    """
    from pipeline.formats.verification_bin import write_bin

    sitters, encoded = [], []
    for dataset in dict.fromkeys((first, second)):
        store, rows = _faces(dataset, TESTED, at)
        sitters.append({store.image_ids[i]: store.sitters[i] for i in rows})
        encoded.append({store.image_ids[i]: bytes(store.encoded(i)) for i in rows})
    listed = pairs_file(first, at)
    if first == second and listed.is_file():
        pairs = [(*pair.images, pair.genuine) for pair in read_pairs(first, at)]
    else:
        pairs = drawn(sitters[0], sitters[-1], study.seed)
    if pairs:
        images = [image for a, b, _ in pairs for image in (encoded[0][a], encoded[-1][b])]
        write_bin(path, images, [genuine for _, _, genuine in pairs])
        logger.info(f"{path}: {len(pairs)} pairs, {sum(genuine for _, _, genuine in pairs)} genuine")
    return len(pairs)


def _faces(dataset: str, subsets: tuple[str, ...], at: Layout) -> tuple[FaceStore, list[int]]:
    """Return the faces of a data set, and the rows of the faces in the given subsets."""
    from pipeline.store.faces import FaceStore

    wanted = sitters_of(dataset, subsets, at)
    store = FaceStore(at.faces(dataset))
    return store, [i for i, image_id in enumerate(store.image_ids) if image_id in wanted]


def drawn(first: Mapping[str, str], second: Mapping[str, str], seed: int) -> PackedPairs:
    """Draw as many genuine as impostor pairs at random; in each of ten folds the genuine pairs come first.

    Args:
        first, second: the sitter of each image. The first image of a pair is drawn from `first` and the second image
            from `second`, which may be the same mapping or have other images.
        seed: of the random numbers.

    Returns:
        First image, second image, whether genuine; empty if either sort is too rare for ten folds.
    """
    import numpy as np

    random = np.random.default_rng([seed, len(first), len(second)])
    images: dict[str, list[str]] = {}
    for image_id, sitter in second.items():
        images.setdefault(sitter, []).append(image_id)
    once = first is second
    genuine = [(a, b) for a, sitter in first.items() for b in images.get(sitter, ()) if not once or a < b]
    possible = len(first) * (len(second) - once) // (2 if once else 1) - len(genuine)
    each = min(len(genuine), possible // 2, MOST // 2) // FOLDS
    a_side, b_side = list(first), list(second)
    impostor: dict[tuple[str, str], None] = {}
    while len(impostor) < each * FOLDS:
        a, b = a_side[random.integers(len(a_side))], b_side[random.integers(len(b_side))]
        if first[a] != second[b]:
            impostor[min((a, b), (b, a)) if once else (a, b)] = None
    chosen = [genuine[i] for i in random.permutation(len(genuine))[: each * FOLDS]], list(impostor)
    return [
        (*pair, is_genuine)
        for fold in range(FOLDS)
        for is_genuine, pairs in zip((True, False), chosen, strict=True)
        for pair in pairs[fold * each : (fold + 1) * each]
    ]
