"""Images as PNG bytes, with a mark in synthetic ones, and as data URIs for a page."""

import base64
import io

import numpy as np

from gan_core import images


def png(picture: np.ndarray, synthetic: bool) -> bytes:
    """Return an image uint8 (C, H, W) as PNG bytes. Only a synthetic image carries the notice in its metadata."""
    if synthetic:
        return images.png_bytes(picture.transpose(1, 2, 0))
    buffer = io.BytesIO()
    images.to_pil(picture.transpose(1, 2, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def data_uri(content: bytes, kind: str = "image/png") -> str:
    """Return the content of a file as a data URI; `kind` is its media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
