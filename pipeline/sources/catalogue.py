"""Kind `catalogue`: public weights by name, from where the catalogue says, or a copy of the user's own."""

from __future__ import annotations

from pathlib import Path

from pipeline.params.sources.archive import ArchiveOptions
from pipeline.params.sources.catalogue import CATALOGUE, CatalogueOptions
from pipeline.params.sources.file import FileOptions
from pipeline.params.sources.hub import HubOptions
from pipeline.params.sources.package import PackageOptions
from pipeline.sources import archive, file, hub, package


def fetch(folder: Path, entry: str, options: CatalogueOptions) -> None:
    """Public weights by name: what another kind of source fetches, with the options that the catalogue has for it.

    Args:
        folder: where the file goes.
        entry: name of the entry.
        options: of the entry; a copy that it names goes before the catalogue's source.

    Raises:
        SitterError: the weights cannot be had, or their checksum is another.
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
