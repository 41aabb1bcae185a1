"""Pictures to train and test the input check: medical pictures, and many that are not.

All are float32 (H, W, C) in [0, 1].
"""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from gan_core.data.readers import phantom
from gan_core.decode import image_files
from gan_core.errors import UserError

# Changes after which a medical picture must be refused.
DISGUISES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "on the side": lambda picture: np.rot90(picture).copy(),
    "on the other side": lambda picture: np.rot90(picture, 3).copy(),
    "upside down": lambda picture: picture[::-1].copy(),
    "inverted": lambda picture: picture.max() - picture,
}


def phantoms(kind: str, count: int, first: int) -> Iterator[np.ndarray]:
    """Draw phantoms of every class in turn, from the seed `first` on."""
    module = phantom.drawer(kind)
    for number in range(count):
        yield module.draw(module.CLASSES[number % len(module.CLASSES)], first + number, 96).image[..., None]


def scrambled(stack: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Make X-rays (N, S, S) unrecognisable: swap tiles, enlarge a detail, or blend two pictures."""
    found = []
    for index, picture in enumerate(stack):
        side = len(picture)
        if index % 3 == 0:
            tile = side // int(rng.choice([2, 4, 8]))
            tiles = picture.reshape(side // tile, tile, side // tile, tile).swapaxes(1, 2).reshape(-1, tile, tile)
            tiles = tiles[rng.permutation(len(tiles))].reshape(side // tile, side // tile, tile, tile)
            result = tiles.swapaxes(1, 2).reshape(side, side)
        elif index % 3 == 1:
            small = int(side * rng.uniform(0.15, 0.35))
            y, x = rng.integers(0, side - small, 2)
            result = image_files.resize(picture[y : y + small, x : x + small, None], side)[..., 0]
        else:
            other = np.rot90(stack[int(rng.integers(len(stack)))], int(rng.integers(1, 4)))
            result = (picture + other) / 2
        found.append(np.ascontiguousarray(result)[..., None])
    return found


def none(count: int, seed: int) -> Iterator[np.ndarray]:
    """Yield `count` pictures of noise, textures, drawings, letters or photographs, grey (H, W, 1)."""
    kinds = (_white, _clouds, _clouds, _stripes, _shapes, _shapes, _ramp, _letters, _photograph, _photograph, _blobs)
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        picture = kinds[int(rng.integers(len(kinds)))](rng)
        low, high = np.percentile(picture, (1, 99))
        picture = np.clip((picture - low) / max(high - low, 1e-3), 0, 1) * rng.uniform(0.6, 1)
        yield picture.astype(np.float32)[..., None]


def unseen() -> dict[str, list[np.ndarray]]:
    """Return pictures of kinds that have no part in training, by kind."""
    found: dict[str, list[np.ndarray]] = {"photographs of scikit-image": [], "drawings and letters of scikit-image": []}
    drawings = ("chessboard", "horse", "logo", "page", "text", "phantom", "no_time", "color")
    for path in _pictures_of("skimage", "data"):
        kind = (
            "drawings and letters of scikit-image" if path.stem.startswith(drawings) else "photographs of scikit-image"
        )
        found[kind].extend(_read(path))
    found["the same photographs in grey"] = [
        image_files.to_channels(picture, 1) for picture in found["photographs of scikit-image"]
    ]
    rng = np.random.default_rng(4)
    greys = found["the same photographs in grey"]
    found["pieces of them in grey"] = [_piece(greys[number % len(greys)], rng) for number in range(200 if greys else 0)]
    icons = [p for package in ("streamlit", "gradio", "plotly", "matplotlib", "dask") for p in _pictures_of(package)]
    found["icons and screenshots of packages"] = [picture for path in icons[:60] for picture in _read(path)]
    found["curves and bars"] = [_plot(np.random.default_rng([5, number])) for number in range(60)]
    found["grids of codes"] = [_code(np.random.default_rng([6, number])) for number in range(40)]
    found["rings and moire"] = [_rings(np.random.default_rng([7, number])) for number in range(40)]
    return {name: pictures for name, pictures in found.items() if pictures}


def _piece(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random square of a picture, at least a third of its shorter side."""
    shorter = min(picture.shape[:2])
    side = int(rng.integers(max(shorter // 3, 8), shorter + 1))
    y, x = (int(rng.integers(0, extent - side + 1)) for extent in picture.shape[:2])
    return picture[y : y + side, x : x + side]


def _pictures_of(package: str, folder: str = "") -> list[Path]:
    """Return the paths of pictures in an installed package."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return []
    root = Path(spec.submodule_search_locations[0]) / folder
    return sorted(path for path in root.rglob("*") if path.suffix.lower() in image_files.SUFFIXES)


def _read(path: Path) -> list[np.ndarray]:
    try:
        return [image_files.decode(path, channels=3)]
    except UserError:  # too small or unreadable, such as icons of 4 pixels
        return []


def _white(rng: np.random.Generator) -> np.ndarray:
    noise = rng.random((64, 64)) if rng.random() < 0.5 else rng.normal(0.5, 0.2, (64, 64))
    return ndimage.gaussian_filter(noise, float(rng.choice([0, 0.7, 1.5, 3])))


def _clouds(rng: np.random.Generator) -> np.ndarray:
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(96), np.fft.rfftfreq(96), indexing="ij"))
    spectrum = np.fft.rfft2(rng.normal(size=(96, 96))) / np.maximum(frequency, 1 / 96) ** rng.uniform(0.5, 2.2)
    return np.fft.irfft2(spectrum, (96, 96))


def _stripes(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:96, :96] / 96
    angle, waves = rng.uniform(0, np.pi), rng.uniform(2, 25)
    bent = 0.2 * _clouds(rng) / 3 * rng.random()
    return np.sin(2 * np.pi * waves * (x * np.cos(angle) + y * np.sin(angle) + bent))


def _ramp(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    return (
        rng.normal() * x + rng.normal() * y + rng.normal() * np.hypot(x - rng.normal() * 0.3, y) + rng.normal() * x * y
    )


def _shapes(rng: np.random.Generator) -> np.ndarray:
    image = Image.new("L", (128, 128), int(rng.integers(256)))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(2, 14))):
        box = np.sort(rng.integers(-20, 148, (2, 2)), 0)
        fill = int(rng.integers(256)) if rng.random() < 0.7 else None
        outline, width = int(rng.integers(256)), int(rng.integers(1, 6))
        kind = rng.integers(4)
        if kind == 0:
            draw.ellipse([*box[0].tolist(), *box[1].tolist()], fill, outline, width)
        elif kind == 1:
            draw.rectangle([*box[0].tolist(), *box[1].tolist()], fill, outline, width)
        elif kind == 2:
            points = rng.integers(0, 128, (int(rng.integers(3, 7)), 2))
            draw.polygon([tuple(point) for point in points.tolist()], fill, outline)
        else:
            draw.line([tuple(point) for point in rng.integers(0, 128, (5, 2)).tolist()], outline, width)
    soft = ndimage.gaussian_filter(np.asarray(image, np.float32), float(rng.choice([0, 1, 3])))
    return soft + rng.normal(0, 4, soft.shape)


def _letters(rng: np.random.Generator) -> np.ndarray:
    dark = rng.random() < 0.5
    image = Image.new("L", (128, 128), 20 if dark else 235)
    draw = ImageDraw.Draw(image)
    size = int(rng.integers(8, 40))
    font = ImageFont.load_default(size)
    for top in range(int(rng.integers(0, 20)), 128, size + int(rng.integers(1, 12))):
        words = "".join(chr(code) for code in rng.integers(97, 123, 200 // size))
        draw.text((int(rng.integers(-4, 20)), top), words, fill=235 if dark else 20, font=font)
    return np.asarray(image, np.float32)


def _photograph(rng: np.random.Generator) -> np.ndarray:
    """Return a random piece of one of scikit-learn's two photographs, at a random size and rotation."""
    if not _PHOTOGRAPHS:
        _PHOTOGRAPHS.extend(image_files.decode(path)[..., 0] for path in _pictures_of("sklearn", "datasets/images"))
    photograph = _PHOTOGRAPHS[int(rng.integers(len(_PHOTOGRAPHS)))]
    side = int(rng.integers(60, min(photograph.shape)))
    y, x = (int(rng.integers(0, extent - side + 1)) for extent in photograph.shape)
    return np.rot90(photograph[y : y + side, x : x + side], int(rng.integers(4)))


_PHOTOGRAPHS: list[np.ndarray] = []


def _blobs(rng: np.random.Generator) -> np.ndarray:
    """Draw a few soft lights and shadows, as dim and round as an X-ray."""
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    total = np.zeros((96, 96))
    for _ in range(int(rng.integers(1, 8))):
        cx, cy, w, h = *rng.uniform(-1, 1, 2), *rng.uniform(0.1, 0.8, 2)
        total += rng.normal() * np.exp(-(((x - cx) / w) ** 2) - ((y - cy) / h) ** 2)
    return total + rng.normal(0, 0.02, total.shape)


def _plot(rng: np.random.Generator) -> np.ndarray:
    image = Image.new("L", (200, 150), 255)
    draw = ImageDraw.Draw(image)
    draw.line([(20, 10), (20, 130), (190, 130)], 0, 1)
    if rng.random() < 0.5:
        for left in range(25, 185, 20):
            draw.rectangle([left, int(rng.integers(20, 125)), left + 14, 129], int(rng.integers(40, 200)))
    else:
        for _ in range(int(rng.integers(1, 4))):
            heights = 70 + np.cumsum(rng.normal(0, 4, 80))
            draw.line([(20 + 2 * i, float(h)) for i, h in enumerate(heights)], int(rng.integers(0, 160)), 2)
    return np.asarray(image, np.float32)[..., None] / 255


def _code(rng: np.random.Generator) -> np.ndarray:
    cells = rng.integers(0, 2, (int(rng.integers(12, 30)),) * 2)
    return np.kron(cells, np.ones((8, 8))).astype(np.float32)[..., None]


def _rings(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[-1:1:160j, -1:1:160j]
    radius = np.hypot(x - rng.normal() * 0.2, y - rng.normal() * 0.2)
    return (0.5 + 0.5 * np.sin(radius * rng.uniform(10, 90) + rng.uniform(0, 6))).astype(np.float32)[..., None]
