"""What the best generator here draws, at the top of Home."""

import html
import math
from collections.abc import Sequence

from dashboard.library import best_first, pages
from dashboard.library.store import Entry
from dashboard.server import frames
from gan_core import files


def figure(readable: Sequence[Entry]) -> str:
    """Return a row of pictures of the best generator as HTML, a link to its page; "" if none is near to real images.

    Pictures of patients are never shown.
    """
    found = [
        (best_first.place(entry.run, entry.config), entry, entry.config.image_size)
        for entry in readable
        if entry.config and entry.task == "generate" and not entry.private and entry.sheets
        if files.is_regular(entry.run.weights)
    ]
    (*_, distance), entry, size = min(found, key=lambda one: one[0], default=((math.inf,), None, 0))
    if entry is None or distance > best_first.NEAR:
        return ""
    base, names = frames.sheets(entry)
    if not names:
        return ""
    place, picture = html.escape(pages.href("run", run=entry.name)), html.escape(f"{base}{list(names.values())[-1]}")
    name = html.escape(entry.label)
    return (
        f'<figure class="home-best"><a href="{place}" data-in-app>'
        f'<img src="{picture}" alt="Four pictures that {name} drew, synthetic"></a>'
        f'<figcaption>Drawn by <a href="{place}" data-in-app>{name}</a> at {size} × {size} pixels. '
        f'<a href="{html.escape(pages.href("live"))}" data-in-app>Draw more</a>, or '
        f'<a href="{html.escape(pages.href("quiz"))}" data-in-app>take the quiz</a>.</figcaption></figure>'
    )
