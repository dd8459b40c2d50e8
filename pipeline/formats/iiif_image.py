"""What an image service can send, and the URL of an image (IIIF Image API, versions 2 and 3).

https://iiif.io/api/image/3.0/ and https://iiif.io/api/image/2.1/, with their pages on compliance.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, Field, ValidationError

from pipeline.formats.iiif_presentation import WHOLE, Unreadable

PixelCount = Annotated[int, Field(ge=1)]


class ImageSize(BaseModel):
    """A size in pixels."""

    width: PixelCount
    height: PixelCount


class Profile(BaseModel):
    """What a server of version 2 states beside its level, and a server of version 3 at the top."""

    supports: list[str] = Field(default=[], validation_alias=AliasChoices("supports", "extraFeatures"))
    max_width: PixelCount | None = Field(default=None, validation_alias="maxWidth")
    max_height: PixelCount | None = Field(default=None, validation_alias="maxHeight")
    max_area: PixelCount | None = Field(default=None, validation_alias="maxArea")


class ImageInfo(ImageSize, Profile):
    """An `info.json`."""

    uri: str = Field(validation_alias=AliasChoices("id", "@id"))
    context: Any = Field(default=None, validation_alias="@context")
    type: str = ""
    profile: Any = None
    sizes: list[ImageSize] = []

    @property
    def version(self) -> int:
        """The version of the API: 2 or 3, or 1 for older ones."""
        said = f"{self.type} {self.context} {self.profile}"
        return 3 if "ImageService3" in said or "image/3" in said else 2 if "image/2" in said else 1

    @property
    def profiles(self) -> list[Profile]:
        """This document, and the profiles that stand beside the level in version 2."""
        beside = self.profile if isinstance(self.profile, list) else []
        return [self, *(Profile.model_validate(part) for part in beside if isinstance(part, dict))]

    @property
    def level(self) -> int:
        """The level of compliance; the lowest where none is stated."""
        found = re.search(r"level([012])", str(self.profile))
        return int(found[1]) if found else 0

    def supports_feature(self, feature: str) -> bool:
        """Return whether the server has a feature of level 1."""
        return self.level >= 1 or any(feature in profile.supports for profile in self.profiles)

    def within(self, width: float, height: float) -> float:
        """Return the factor that shrinks this size to the server's limits: 1 if it is within them."""
        scales = [1.0]
        for limit in self.profiles:
            # A limit on the width alone holds for the height as well.
            tallest = limit.max_height or limit.max_width
            scales += [limit.max_width / width] if limit.max_width else []
            scales += [tallest / height] if tallest else []
            scales += [math.sqrt(limit.max_area / (width * height))] if limit.max_area else []
        return min(scales)


def is_info(document: Any) -> bool:
    """Whether a document is an `info.json`."""
    if not isinstance(document, dict):
        return False
    return "iiif.io/api/image" in str(document.get("protocol")) or str(document.get("type")).startswith("ImageService")


def read_info(document: Any) -> ImageInfo:
    """Return what an `info.json` says.

    Raises:
        Unreadable: the document is no `info.json`, or has a version before 2.
    """
    try:
        info = ImageInfo.model_validate(document)
        _ = info.profiles
    except ValidationError as error:
        fault = error.errors()[0]
        raise Unreadable(f"is no info.json: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
    if info.version < 2:
        raise Unreadable("follows an Image API before version 2, which is not read")
    return info


def image_url(info: ImageInfo, region: str, longer_side: int) -> str:
    """Return the URL of an image of about this size that the server must be able to send.

    Args:
        info: what the server says of the image.
        region: `full`, or x,y,w,h in pixels of the image.
        longer_side: its length in pixels. The image is smaller where the region or the server's limits are. From a
            server with fixed sizes only, it is the smallest size that is large enough, or else the largest.

    Raises:
        Unreadable: a region is requested, but the server cuts none.
    """
    width, height = (info.width, info.height) if region == WHOLE else map(int, region.split(",")[2:])
    if region != WHOLE and not info.supports_feature("regionByPx"):
        raise Unreadable(f"the server cuts no regions (level 0), and the canvas shows {region}: set region: full")
    limit = info.within(width, height)
    everything = "max" if info.version == 3 else "full"
    if not info.supports_feature("sizeByW"):
        return _url(info, region, _listed(info, limit, everything, longer_side))
    scale = min(limit, longer_side / max(width, height))
    if scale >= 1:
        return _url(info, region, everything)
    across = max(1, math.floor(width * scale + 1e-6))
    if scale == limit:  # the height is rounded by the server, perhaps up
        while across > 1 and info.within(across, math.ceil(across * height / width)) < 1:
            across -= 1
    return _url(info, region, f"{across},")


def _listed(info: ImageInfo, limit: float, everything: str, longer_side: int) -> str:
    """Return the size to ask for from a server that has only the sizes it lists, and the whole image."""
    sizes = {
        (s.width, s.height): f"{s.width},{s.height}" if info.version == 3 else f"{s.width},"  # their canonical forms
        for s in info.sizes
        if info.within(s.width, s.height) == 1
    }
    if limit == 1 or info.version == 3 or not sizes:  # beyond its limits, version 3 sends the largest size
        sizes[round(info.width * limit), round(info.height * limit)] = everything
    enough = [size for size in sizes if max(size) >= longer_side]
    return sizes[min(enough, key=max) if enough else max(sizes, key=max)]


def _url(info: ImageInfo, region: str, size: str) -> str:
    return f"{info.uri.rstrip('/')}/{region}/{size}/0/default.jpg"
