"""Review a question's portraits in a browser, with buttons and keys: a page on 127.0.0.1, for this machine only.

It shows each unidentified portrait beside its candidates. What a person decides goes at once into the CSV that
`identify.NAME.decisions` names, and the next run honours it. The address has a key, new at each start; nobody without
it gets in, and no other machine does. One or two pictures can be dropped, too: who may be on them, and do both show one
person? Nothing of them is kept. Ctrl-C ends it.
"""

from __future__ import annotations

import logging
import os
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from pipeline.core.errors import SitterError

logger = logging.getLogger(__name__)


def run(named: Sequence[Path], *, port: int = 0) -> None:
    """Serve the study of the working directory until Ctrl-C.

    Args:
        named: the params files that were named.
        port: where it listens; 0: any free one.

    Raises:
        SitterError: the study, a question's results or a port are wrong.
        OSError: a file for decisions cannot be made.
    """
    from pipeline.params import load
    from pipeline.plan.layout import Layout
    from pipeline.serving.desk import Desk
    from pipeline.serving.server import Served

    study = load(*(named or [Path("params.yaml")]))
    desk = Desk(study, Layout.of(study))
    desk.prepare()  # faults are told before anybody comes
    try:
        served = Served(desk, port)
    except (OSError, OverflowError) as error:
        raise SitterError(f"--port is {port}, which cannot be had ({error}): name another, or none.") from None
    print(f"Open this address in the browser of this machine:\n\n    {served.address}\n\nCtrl-C ends it.", flush=True)
    if _has_desktop() and not webbrowser.open(served.door.address_for_once()):
        logger.info("No browser could be opened from here.")
    try:
        served.run()
    except KeyboardInterrupt:  # how it is meant to end
        logger.info("Ended. All decisions are saved.")


def _has_desktop() -> bool:
    """Whether a person sits at this terminal, and a browser would have a screen."""
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(screen) and sys.stdout.isatty()
