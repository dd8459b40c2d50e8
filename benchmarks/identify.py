"""How long a person waits for an answer: `sitter identify PICTURE` against 1,000 sitters, cold and warm.

    python -m benchmarks.identify PROJECT

PROJECT is a folder in which `make demo` has run. Its photographs, copied under 1,000 names, make the gallery (equal
pictures are embedded once, but searched as often as they occur), and its weights are the built-in model's. Cold means a
new process, with the gallery's vectors in the cache. Warm means that the gallery is open; the time of an answer is
shown beside the time to find and embed the face, which is needed in any case.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

SITTERS, RUNS, COLD_RUNS = 1000, 15, 3


def gallery(photographs: Path, folder: Path, each: int) -> Path:
    """Copy pictures into folders of 1,000 sitters, `each` pictures of each."""
    known = sorted(photographs.rglob("*.pgm"))
    for sitter in range(SITTERS):
        (folder / f"sitter {sitter:04}").mkdir(parents=True)
        for number in range(each):
            source = known[(sitter + 40 * number) % len(known)]
            shutil.copy(source, folder / f"sitter {sitter:04}" / f"{number}.pgm")
    return folder


def medians(*works: Callable[[], object]) -> list[tuple[float, float]]:
    """Return the median wall time and processor time, in seconds, of several works that take turns."""
    times: list[list[tuple[float, float]]] = [[] for _ in works]
    for _ in range(RUNS):
        for work, own in zip(works, times, strict=True):
            start, spent = time.perf_counter(), time.process_time()
            work()
            own.append((time.perf_counter() - start, time.process_time() - spent))
    return [(statistics.median(w for w, _ in own), statistics.median(c for _, c in own)) for own in times]


def main(project: Path) -> None:
    """Print a line for each case."""
    import sitter

    weights, picture = project / "data/raw", sorted((project / "data/raw/orl").rglob("*.pgm"))[0]
    model = sitter.default_model(weights=weights)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ.setdefault("SITTER_CACHE", f"{scratch}/cache")
        for each in (1, 3):
            where = gallery(project / "data/raw/orl", Path(scratch) / f"{each}", each)
            opened = sitter.open_gallery(where, model)
            answer = partial(opened.identify, picture)
            answer()
            (own, own_cpu), (whole, cpu) = medians(lambda: model.prints(model.faces(picture)), answer)
            print(f"warm, {each} pictures of each of {len(opened.sitters)} sitters ({opened.note}):")
            print(f"  face found and embedded {1e3 * own:6.1f} ms; answer {1e3 * whole:6.1f} ms; {whole / own:.2f} ×")
            print(f"  of the processor {1e3 * own_cpu:13.1f} ms; {1e3 * cpu:13.1f} ms; {cpu / own_cpu:.2f} ×")
        command = [sys.executable, "-m", "pipeline", "identify", str(picture), "--gallery", f"{scratch}/1", "--json"]
        command += ["--weights", str(weights), "--quiet"]
        walls, cpus = [], []
        for _ in range(COLD_RUNS):
            before, start = os.times(), time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            after = os.times()
            walls.append(time.perf_counter() - start)
            cpus.append(sum(after[2:4]) - sum(before[2:4]))
        print(f"cold, as a command: {min(walls):.1f} s (of which the processor worked {min(cpus):.1f} s)")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
