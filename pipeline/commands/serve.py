"""Review a question's portraits in a browser, with buttons and keys: a page on 127.0.0.1, for this machine only.

It shows each unidentified portrait beside its candidates. What a person decides goes at once into the CSV that
`identify.NAME.decisions` names, and the next run honours it. The address has a key, new at each start; nobody without
it gets in, and no other machine does. Ctrl-C ends it.
"""

from __future__ import annotations

import logging
import os
import sys
import webbrowser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.params import Study

logger = logging.getLogger(__name__)


def run(study: Study) -> None:
    """Serve the study of the working directory until Ctrl-C.

    Raises:
        SitterError: a question's results are broken.
        OSError: the machine has no free port.
    """
    from pipeline.serving.desk import Desk
    from pipeline.serving.server import Served

    desk = Desk(study)
    desk.prepare()  # faults are told before anybody comes
    served = Served(desk)
    print(f"Open this address in the browser of this machine:\n\n    {served.address}\n\nCtrl-C ends it.", flush=True)
    if _has_desktop() and not webbrowser.open(served.address):
        logger.info("No browser could be opened from here.")
    try:
        served.run()
    except KeyboardInterrupt:  # how it is meant to end
        logger.info("Ended. All decisions are saved.")


def _has_desktop() -> bool:
    """Whether a person sits at this terminal, and a browser would have a screen."""
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(screen) and sys.stdout.isatty()
