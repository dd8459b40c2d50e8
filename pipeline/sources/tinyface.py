"""Kind `tinyface`: the test set of TinyFace as its authors publish it, with its lists of probes and gallery images.

Cheng, Zhu, Gong: Low-Resolution Face Recognition, ACCV 2018.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.core.files import sha256
from pipeline.core.progress import progress
from pipeline.params.sources.tinyface import TinyFaceOptions
from pipeline.sources.image_files import is_image, natural
from pipeline.sources.local import own_path
from pipeline.store.columns import licence_column
from pipeline.store.raw import RawImage

TESTS = "Testing_Set"
LISTS = {"probe": ("Probe", "probe_img_ID_pairs.mat"), "gallery": ("Gallery_Match", "gallery_match_img_ID_pairs.mat")}
DISTRACTORS = "Gallery_Distractor"


def fetch(folder: Path, entry: str, options: TinyFaceOptions) -> list[RawImage]:
    """Copy TinyFace's test set: probes, the gallery of their mates, and distractors.

    Args:
        folder: the folder for the images.
        entry: name of the entry.
        options: the options of the entry.

    Returns:
        The images; the columns `probe` and `gallery` hold the image's id where it is a probe or a gallery image.

    Raises:
        SitterError: a folder or a list is absent, a list has another form than TinyFace's, or an image is missing.
    """
    root = own_path(entry, options.path)
    root = root / TESTS if (root / TESTS).is_dir() else root
    files = [
        (side, f"{below}/{name}", f"tinyface-{number}")
        for side, (below, mat) in LISTS.items()
        for name, number in read_pairs(root / mat, side)
    ]
    if not (root / DISTRACTORS).is_dir():
        raise SitterError(f"download.{entry}: {root / DISTRACTORS} does not exist: name TinyFace's unpacked folder.")
    others = sorted((p.name for p in (root / DISTRACTORS).iterdir() if is_image(p.name)), key=natural)
    files += [("gallery", f"{DISTRACTORS}/{name}", f"distractor-{Path(name).stem}") for name in others]
    images = []
    for side, file, sitter in progress(files, f"copy {entry}"):
        if not (root / file).is_file():
            raise SitterError(f"download.{entry}: {root / file} is in a list, but it does not exist: unpack it again.")
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / file, folder / file)
        image_id = file.rpartition(".")[0]
        further = {one: image_id if one == side else "" for one in LISTS} | licence_column(options.licence)
        images.append(RawImage(image_id, file, sitter, sha256(folder / file), further))
    return images


def read_pairs(path: Path, side: str) -> list[tuple[str, int]]:
    """Return each image of `probe_img_ID_pairs.mat` (or the gallery's file) with the number of its person.

    Args:
        path: the file, in a MATLAB format up to 7.2.
        side: how its variables begin: `probe` or `gallery`.

    Raises:
        SitterError: the file is absent or has another form than TinyFace's.
    """
    from scipy.io import loadmat

    if not path.is_file():
        raise SitterError(f"{path} does not exist: name TinyFace's unpacked folder, which has {TESTS} in it.")
    try:
        held = loadmat(path, squeeze_me=True)
    except (ValueError, NotImplementedError, TypeError, OSError) as error:
        raise SitterError(f"{path} is no MATLAB file that can be read: {error}") from None
    missing = [name for name in (f"{side}_set", f"{side}_ids") if name not in held]
    if missing:
        known = ", ".join(name for name in held if not name.startswith("__"))
        raise SitterError(f"{path} has no variable {' nor '.join(missing)}, but {known}: is it TinyFace's list?")
    names, ids = (np.atleast_1d(held[f"{side}_{what}"]).ravel() for what in ("set", "ids"))
    if len(names) != len(ids) or not len(names):
        raise SitterError(f"{path}: {side}_set has {len(names)} images and {side}_ids {len(ids)}; expected as many.")
    return [(str(name), int(number)) for name, number in zip(names, ids, strict=True)]
