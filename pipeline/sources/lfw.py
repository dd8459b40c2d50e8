"""Kind `lfw`: Labeled Faces in the Wild as its authors publish it, images in a folder per person and `pairs.txt`.

Huang, Ramesh, Berg, Learned-Miller: Labeled Faces in the Wild, technical report 07-49, University of Massachusetts,
Amherst, 2007.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.core.errors import SitterError
from pipeline.params.sources.lfw import LFWOptions
from pipeline.sources.local import own_path
from pipeline.sources.pair_images import PublishedPair, copied
from pipeline.store.raw import RawImage


def fetch(folder: Path, entry: str, options: LFWOptions) -> list[RawImage]:
    """Copy the images of Labeled Faces in the Wild, as published, that its `pairs.txt` names.

    Args:
        folder: the folder for the images.
        entry: name of the entry.
        options: the options of the entry.

    Returns:
        The images, with their places in the pairs.

    Raises:
        SitterError: the list has another form than LFW's, or an image is missing.
    """
    root = own_path(entry, options.path)
    listed = read_pairs(own_path(entry, options.pairs))
    return copied(folder, entry, root, listed, lambda image: image.partition("/")[0], options.licence)


def read_pairs(path: Path) -> list[PublishedPair]:
    """Return the pairs of a list like LFW's `pairs.txt`, fold by fold, with genuine pairs first in each.

    The first line holds the number of folds, and the number of genuine (and of impostor) pairs in each. A genuine pair
    is a name and two numbers; an impostor pair is a name and a number, twice.

    Raises:
        SitterError: a line is not of this form, or their number differs from what the first line says.
    """
    lines = [(number, line.split()) for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)]
    (_, head), *given = [(number, words) for number, words in lines if words] or [(1, [])]
    if len(head) != 2 or not all(word.isdigit() and int(word) for word in head):
        raise SitterError(
            f"{path}, line 1: found {' '.join(head)!r}; expected the number of folds and of genuine pairs in a fold, "
            "as '10 300'. Is it LFW's pairs.txt?"
        )
    folds, each = map(int, head)
    if len(given) != 2 * folds * each:
        raise SitterError(
            f"{path}: line 1 says {folds} folds of {each} genuine and {each} impostor pairs, which is "
            f"{2 * folds * each} lines, but {len(given)} follow: fetch it again."
        )
    pairs = []
    for place, (number, words) in enumerate(given):
        genuine = place // each % 2 == 0
        form = "a name and two numbers" if genuine else "a name and a number, twice"
        ends = words[1:] if genuine else words[1::2]
        if len(words) != (3 if genuine else 4) or not all(word.isdigit() for word in ends):
            raise SitterError(f"{path}, line {number}: found {' '.join(words)!r}; expected {form}.")
        one, other = (words[0], words[0]) if genuine else (words[0], words[2])
        pairs.append(PublishedPair(_image(one, ends[0]), _image(other, ends[1]), genuine))
    return pairs


def _image(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}.jpg"
