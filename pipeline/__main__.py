"""`python -m pipeline STAGE …`, which is the same as the command `sitter STAGE …`."""

from pipeline.cli import main

raise SystemExit(main())
