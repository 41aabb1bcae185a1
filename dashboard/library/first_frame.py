"""Files of several pictures, such as a DICOM film or a TIFF of many pages, of which the app takes the first."""

from gan_core.decode import image_files
from gan_core.decode.worker import DecodeWorker


def note(decoder: DecodeWorker, data: bytes, name: str) -> str:
    """Return the line that says so of a visitor's file; "" for a file of one picture.

    Raises:
        UserError: its header needed too much time, or crashed the process.
    """
    frames = decoder.header(data, name).frames if image_files.may_say_more(data, name) else 1
    return f"{name}: the first of {frames} pictures in this file." if frames > 1 else ""
