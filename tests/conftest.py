"""What all tests share."""

from __future__ import annotations

import contextlib
import signal

# A shell that starts a job in the background has it ignore Ctrl-C, and whatever the job starts would inherit that: but
# the tests of interruption send Ctrl-C to the processes that they start.
with contextlib.suppress(ValueError):  # not the main thread
    signal.signal(signal.SIGINT, signal.default_int_handler)
