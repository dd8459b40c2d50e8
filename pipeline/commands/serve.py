"""Review a question's portraits in a browser, with buttons and keys: a page on 127.0.0.1, for this machine only.

It shows each unidentified portrait beside its candidates. Each decision is written at once to the CSV that
`identify.NAME.decisions` names, and the next run honours it. The address contains a key that is new at each start; the
page opens only with this key and only on this machine. You can also drop one picture to see its candidates, or two to
compare them; they are not kept. Ctrl-C ends the command.
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
        port: the port to listen on; 0: any free one.

    Raises:
        SitterError: the study, the results of a question or the port are wrong.
        OSError: a file for decisions cannot be made.
    """
    from pipeline.core.layout import Layout
    from pipeline.params import load
    from pipeline.serving.desk import Desk
    from pipeline.serving.server import Served

    study = load(*(named or [Path("params.yaml")]))
    desk = Desk(study, Layout.of(study))
    desk.prepare()  # errors are reported before the page is opened
    try:
        served = Served(desk, port)
    except (OSError, OverflowError) as error:
        raise SitterError(f"--port is {port}, which cannot be used ({error}): name another, or none.") from None
    print(f"Open this address in the browser of this machine:\n\n    {served.address}\n\nCtrl-C ends it.", flush=True)
    if _has_desktop() and not webbrowser.open(served.door.address_for_once()):
        logger.info("No browser could be opened from here.")
    try:
        served.run()
    except KeyboardInterrupt:  # the normal way to end
        logger.info("Ended. All decisions are saved.")


def _has_desktop() -> bool:
    """Whether a person sits at this terminal, and a browser would have a screen."""
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(screen) and sys.stdout.isatty()
