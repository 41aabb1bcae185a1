"""Pictures as bytes and addresses that a page can hold: PNG, marked where it is synthetic, and data URIs."""

import base64
import io

import numpy as np

from gan_core import images


def png(picture: np.ndarray, synthetic: bool) -> bytes:
    """A picture (C, H, W) as PNG; a generated one says inside that it is synthetic, a real one must not."""
    if synthetic:
        return images.png_bytes(picture.transpose(1, 2, 0))
    buffer = io.BytesIO()
    images.to_pil(picture.transpose(1, 2, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def data_uri(content: bytes, kind: str = "image/png") -> str:
    """A file as an address that holds all of it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
