"""Files that photo programs, network drives and operating systems leave among a user's pictures."""

from __future__ import annotations

from pathlib import PurePath

# Names of folders, in lower case: thumbnails, previews, bins, snapshots. Hidden ones (.thumbnails) need no list.
FOLDERS = {
    *("@eadir", "@__thumb", "@recycle", "@recently-snapshot", "@tmp", "#recycle", "#snapshot", "$recycle.bin"),
    *("__macosx", "system volume information", "recycler", "recycled", "lost+found", "_gsdata_"),
    *("thumbnails", "thumbs", "captureone"),
}
# Folders that hold a program's library, with thumbnails and edited copies of the pictures beside or in them.
LIBRARIES = (".lrdata", ".lrcat-data", ".photoslibrary", ".aplibrary", ".photolibrary", ".migratedphotolibrary")
FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "picasa.ini", "zbthumbnail.info", "icon\r", "folder.ini"}
PREFIXES = ("synophoto_thumb_", "synofile_thumb_", "synoindex_", "._")
# Notes beside a picture: edits, ratings, a camera's thumbnail of a film.
SIDECARS = (".xmp", ".thm", ".aae", ".pp3", ".dop", ".on1", ".cos", ".cot", ".cop", ".nksc")


def clutter(path: PurePath) -> str | None:
    """Name what makes a relative path clutter: a folder, a file or a pattern of names; None where it is no clutter.

    >>> from pathlib import PurePosixPath as P
    >>> clutter(P("ada/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg")), clutter(P("ada/._1.jpg")), clutter(P("ada/1.jpg"))
    ('@eaDir', '._*', None)
    """
    for part in path.parts[:-1]:
        low = part.casefold()
        if low.startswith(".") or low in FOLDERS or low.endswith(LIBRARIES):
            return part
    name = path.name.casefold()
    for prefix in PREFIXES:
        if name.startswith(prefix):
            return f"{path.name[: len(prefix)]}*"
    if name.startswith(".") or name in FILES:
        return path.name.strip()
    return f"*{path.suffix.lower()}" if name.endswith(SIDECARS) else None
