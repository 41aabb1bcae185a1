"""The HTML that the live tab answers with."""

import io
import re
import urllib.request

from PIL import Image


def embedded_pngs(page: str) -> list[Image.Image]:
    """The PNGs inside a page."""
    found = re.findall(r'(?:src|href)="(data:image/png;base64,[^"]+)"', page)
    return [Image.open(io.BytesIO(urllib.request.urlopen(uri).read())) for uri in found]
