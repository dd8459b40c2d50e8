"""An IIIF server on this machine: it cuts and scales images with Pillow, and refuses what its level does not allow.

Written from the Image API's pages on compliance (2.1 and 3.0), apart from what the source reads of them.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from tests.sources.site import Site, serving

REQUEST = re.compile(r"/image/([^/]+)/([^/]+)/([^/]+)/0/default\.jpg")


@dataclass
class Service:
    """An image, and how it is served."""

    image: Image.Image
    version: int = 3
    level: int = 2
    sizes: tuple[tuple[int, int], ...] = ()
    max_width: int | None = None
    max_area: int | None = None

    def info(self, uri: str) -> dict[str, Any]:
        """The info.json."""
        limits = {"maxWidth": self.max_width, "maxArea": self.max_area}
        limits = {name: limit for name, limit in limits.items() if limit}
        common = {
            "@context": f"http://iiif.io/api/image/{self.version}/context.json",
            "protocol": "http://iiif.io/api/image",
            **dict(zip(("width", "height"), self.image.size, strict=True)),
            "sizes": [{"width": w, "height": h} for w, h in self.sizes],
        }
        if self.version == 3:
            return common | {"id": uri, "type": "ImageService3", "profile": f"level{self.level}", **limits}
        profile = f"http://iiif.io/api/image/2/level{self.level}.json"
        return common | {"@id": uri, "profile": [profile, {"supports": ["cors"], **limits}]}

    def cut(self, region: str, size: str) -> Image.Image | None:
        """What a request gets; None: it is refused."""
        box = (0, 0, *self.image.size)
        if region != "full":
            if self.level == 0:
                return None
            x, y, w, h = map(int, region.split(","))
            box = (x, y, x + w, y + h)
        part = self.image.crop(box)
        wanted = self._size(size, *part.size)
        return None if wanted is None else part.resize(wanted)

    def _size(self, size: str, width: int, height: int) -> tuple[int, int] | None:
        most = min(1.0, (self.max_width or max(width, height)) / max(width, height), self._by_area(width, height))
        if size == "max" and self.version == 3:
            return max(1, int(width * most)), max(1, int(height * most))
        if size == "full" and self.version == 2:
            return (width, height) if most == 1 else None
        listed = {f"{w},{h}" if self.version == 3 else f"{w},": (w, h) for w, h in self.sizes}
        if size in listed:
            return listed[size]
        if self.level == 0 or not re.fullmatch(r"\d+,", size):
            return None
        across = int(size[:-1])
        down = max(1, round(height * across / width))
        allowed = across <= width and max(across, down) <= (self.max_width or width + height)
        return (across, down) if allowed and across * down <= (self.max_area or width * height) else None

    def _by_area(self, width: int, height: int) -> float:
        return ((self.max_area or width * height) / (width * height)) ** 0.5


class Files(dict[str, bytes]):
    """Files, and behind the paths of services what these make."""

    def __init__(self, server: IIIFServer) -> None:
        super().__init__()
        self.server = server

    def get(self, path: str, default: Any = None) -> Any:
        """The content behind a path."""
        services = self.server.services
        if path.startswith("/image/") and path.endswith("/info.json"):
            name = path.split("/")[2]
            return (
                self.server.encoded(services[name].info(f"{self.server.url}/image/{name}"))
                if name in services
                else None
            )
        if (asked := REQUEST.fullmatch(path)) and asked[1] in services:
            part = services[asked[1]].cut(asked[2], asked[3])
            return None if part is None else jpeg(part)
        return super().get(path, default)


class IIIFServer(Site):
    """A site with image services."""

    def __init__(self) -> None:
        super().__init__()
        self.services: dict[str, Service] = {}
        self.files = Files(self)

    @staticmethod
    def encoded(document: Any) -> bytes:
        """JSON."""
        return json.dumps(document, ensure_ascii=False).encode()

    def add(self, name: str, width: int = 400, height: int = 300, **how: Any) -> str:
        """Serve an image; returns the service's URI."""
        noise = np.random.default_rng(len(self.services)).integers(0, 256, (height, width, 3), np.uint8)
        self.services[name] = Service(Image.fromarray(noise), **how)
        return f"{self.url}/image/{name}"

    def publish(self, name: str, document: dict[str, Any]) -> str:
        """Serve a manifest or collection; returns its URI, which the document gets as its id."""
        uri = f"{self.url}/{name}"
        key = "@id" if "@type" in document else "id"
        self.files[f"/{name}"] = self.encoded({key: uri, **document})
        return uri

    def images(self) -> list[str]:
        """Requests of images, as NAME/REGION/SIZE."""
        return ["/".join(found.groups()) for path in self.paths() if (found := REQUEST.fullmatch(path))]


def jpeg(image: Image.Image) -> bytes:
    """The image, encoded."""
    file = io.BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()


def version_3(label: Any, *bodies: dict[str, Any], **further: Any) -> dict[str, Any]:
    """A manifest of Presentation API 3 with a canvas for each body."""
    canvases = [
        {
            "id": f"https://example.org/canvas/{i}",
            "type": "Canvas",
            "label": {"en": [f"View {i}"]},
            "items": [{"type": "AnnotationPage", "items": [annotation(body)]}],
        }
        for i, body in enumerate(bodies)
    ]
    context = "http://iiif.io/api/presentation/3/context.json"
    return {"@context": context, "type": "Manifest", "label": label, "items": canvases, **further}


def annotation(body: dict[str, Any]) -> dict[str, Any]:
    """A body, painted."""
    return {"type": "Annotation", "motivation": "painting", "body": body}


def body_3(service: str, kind: str = "ImageService3", **further: Any) -> dict[str, Any]:
    """An image with its service."""
    served = [{"id": service, "type": kind, "profile": "level2"}]
    return {"id": f"{service}/full/max/0/default.jpg", "type": "Image", "service": served, **further}


def version_2(label: Any, *services: str, **further: Any) -> dict[str, Any]:
    """A manifest of Presentation API 2 with a canvas for each service."""
    canvases = [
        {
            "@type": "sc:Canvas",
            "label": f"p. {i}",
            "images": [{"@type": "oa:Annotation", "motivation": "sc:painting", "resource": resource_2(service)}],
        }
        for i, service in enumerate(services)
    ]
    context = "http://iiif.io/api/presentation/2/context.json"
    sequences = [{"@type": "sc:Sequence", "canvases": canvases}]
    return {"@context": context, "@type": "sc:Manifest", "label": label, "sequences": sequences, **further}


def resource_2(service: str) -> dict[str, Any]:
    """An image with its service."""
    served = {"@context": "http://iiif.io/api/image/2/context.json", "@id": service}
    return {"@id": f"{service}/full/full/0/default.jpg", "@type": "dctypes:Image", "service": served}


@contextmanager
def serving_iiif() -> Iterator[IIIFServer]:
    """A running server."""
    with serving(IIIFServer()) as site:
        assert isinstance(site, IIIFServer)
        yield site
