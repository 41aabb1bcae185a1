"""The bodies of the chest phantoms: the parameters that vary from person to person, and the outlines they define.

Lengths are centimetres of a model adult; `scale` converts them to this body's centimetres along the beam. The outlines
were drawn by hand after radiographs of adults and children; they are plausible, not measured.
"""

from dataclasses import dataclass

import numpy as np

from gan_core.phantoms.fields import View, table, table_index


@dataclass(frozen=True)
class Body:
    """One person in front of the detector; lengths in cm of the model adult, angles in radians."""

    child: bool
    scale: float  # this body's size over the model adult's
    wall: float  # muscle and fat outside the ribs at the side
    front: float  # half the soft tissue in front of and behind the lungs
    depth: float  # the lungs' largest extent along the beam
    width: float  # the chest's half width, over the model adult's
    length: float  # the lungs' length, over the model adult's (a deep breath is longer)
    dome: float  # how far each half of the diaphragm rises to its top
    dome_gap: float  # how much lower the left half of the diaphragm is
    turn: float  # shift of heart and mediastinum where the patient is rotated
    bend: float  # sideways curve of the spine
    heart: float  # heart size, over the model adult's
    heart_tilt: float
    vessels: float  # filling of the lung vessels, 1 is average
    rib_slope: float  # how steeply the ribs fall
    rib_spacing: float
    rib_crowd: float  # how unevenly the ribs are spaced
    rib_phase: float
    tip: float  # sideways lean: the ribs of one side are higher
    rib_half: float  # half a rib's height
    bone: float  # bone density, over the normal
    clavicle: float  # how much higher the outer end of the clavicle lies than the inner
    arm_left: float  # the upper arms' angles: 0 sideways, positive down
    arm_right: float
    shoulder: float  # how far the shoulders are raised
    chin: float  # how far the head reaches into the image; below 0 not at all
    breast: float  # thickness of breast tissue in cm, 0 for none
    stomach: tuple[float, float, float, float]  # the gas bubble: x, y, radius across, depth in cm (0 for none)
    bowel: tuple[tuple[float, float, float], ...]  # gas in the bowel: x, y, radius
    thymus: float  # widening of a child's upper mediastinum
    knob: float  # radius of the aortic knob
    view: View


def draw_body(rng: np.random.Generator) -> Body:
    """Draw one body from `rng`; no draw depends on the image size."""
    u = rng.uniform
    child = rng.random() < 0.5
    girth = float(np.clip(rng.normal(0.45 if child else 0.95, 0.3), 0.0, 1.4))
    raised = child and rng.random() < 0.55
    arms = [u(-1.3, -0.5) if raised else u(1.1, 1.7) for _ in range(2)]
    bubble = u(0.0, 3.6) if rng.random() < 0.55 else 0.0
    gas = int(rng.integers(0, 6)) if rng.random() < 0.35 else 0
    length = u(0.82, 1.06)
    half = (u(16.0, 20.0) if child else u(15.0, 19.2)) * (0.55 + 0.45 * length)
    return Body(
        child=child,
        scale=u(0.5, 0.75) if child else u(0.92, 1.08),
        wall=1.5 + 2.3 * girth,
        front=2.4 + 1.8 * girth,
        depth=u(10.8, 13.6),
        width=u(0.86, 1.0) if child else u(0.92, 1.06),
        length=length,
        dome=u(2.2, 4.4),
        dome_gap=u(0.2, 1.6),
        turn=float(rng.normal(0.0, 0.45)),
        bend=float(rng.normal(0.0, 0.35)),
        heart=u(0.92, 1.2) if child else u(0.84, 1.2),
        heart_tilt=u(0.55, 0.95),
        vessels=u(0.7, 1.35),
        rib_slope=u(0.55, 0.95) if child else u(0.9, 1.4),
        rib_spacing=u(2.05, 2.4) if child else u(2.3, 2.75),
        rib_crowd=u(0.0, 0.035),
        rib_phase=u(0.0, 6.28),
        tip=float(rng.normal(0.0, 0.02)),
        rib_half=u(0.5, 0.72),
        bone=u(0.9, 1.4) if child else u(0.8, 1.25),
        clavicle=u(-0.6, 2.0) if child else u(0.6, 3.2),
        arm_left=arms[0],
        arm_right=arms[1],
        shoulder=u(0.5, 3.5) if raised else u(-1.0, 1.5),
        chin=u(-1.0, 6.5) if child else u(-4.0, 1.6),
        breast=u(0.8, 4.5) if not child and rng.random() < 0.5 else 0.0,
        stomach=(u(4.0, 7.5), u(1.6, 3.2), u(1.4, 3.2), bubble),
        bowel=tuple((u(-9.0, 10.0), u(6.0, 11.0), u(0.5, 1.5)) for _ in range(gas)),
        thymus=max(float(rng.normal(0.3, 0.8)), 0.0) if child else 0.0,
        knob=u(0.6, 1.2) if child else u(1.3, 2.0),
        view=View(
            half=half,
            stretch=u(0.92, 1.08),
            rotation=float(rng.normal(0.0, 0.035)),
            shift_x=float(rng.normal(0.0, 0.6)),
            shift_y=float(rng.normal(-1.0 if child else -1.8, 1.0)),
        ),
    )


@dataclass(frozen=True)
class Outlines:
    """The curves of one body as `fields.table`s, functions of the height y unless stated otherwise."""

    outer: np.ndarray  # the lungs' side wall, distance from the middle
    inner_left: np.ndarray  # the mediastinum's border towards the patient's left lung (the image's right)
    inner_right: np.ndarray
    heart_left: np.ndarray  # the left border of aortic knob, pulmonary trunk and left ventricle
    heart_right: np.ndarray  # the right border of the upper caval vein, hilum and right atrium
    heart_depth: np.ndarray
    depth: np.ndarray  # the lungs' extent along the beam
    torso: np.ndarray  # half width of the trunk
    torso_depth: np.ndarray
    shoulder: np.ndarray  # a function of |x|: the height of the shoulders' upper contour


def outlines(body: Body) -> Outlines:
    """Return the curves of `body`; the lung apices lie near y = -12.5 cm, the costophrenic angles near y = 14 cm."""
    w, k = body.width, body.length
    outer = {-13.4: 4.2, -12.9: 5.0, -12.2: 6.0, -11.2: 7.0, -9.6: 8.2, -7.4: 9.5, -4.5: 10.8, -1.0: 11.9, 4.0: 12.9}
    outer |= {9.0: 13.2, 14.0: 13.1, 20.0: 12.6}
    thymus = body.thymus
    left = {-13.4: 4.6, -12.8: 3.6, -11.8: 2.8, -10.5: 2.0, -8.5: 1.8 + 0.8 * thymus, -5.0: 2.0 + thymus}
    left |= {-2.6: 2.7 + 0.6 * thymus, 0.0: 2.6, 6.0: 2.4, 14.0: 2.2}
    right = {-13.4: 4.6, -12.8: 3.5, -11.8: 2.6, -10.5: 2.0, -8.0: 1.9 + 0.9 * thymus, -5.0: 2.0 + thymus}
    right |= {-2.0: 2.5, 1.0: 2.3, 6.0: 2.0, 14.0: 2.0}
    depth = {-13.4: 0.12, -12.6: 0.3, -11.5: 0.48, -9.5: 0.66, -6.0: 0.84, -1.0: 0.97, 4.0: 1.0, 14.0: 1.0}
    wall = body.wall
    torso = {-13.0: 9.0 + wall, -8.0: 12.2 + wall, -3.0: 12.8 + wall, 4.0: 13.0 + wall, 12.0: 12.8 + wall}
    torso |= {22.0: 12.2 + 1.1 * wall}
    torso_depth = {-14.0: 0.6, -6.0: 0.84, 2.0: 1.0, 6.0: 1.04, 10.0: 1.24, 20.0: 1.34}
    heart_depth = {-12.0: 0.07, -8.0: 0.28, -5.0: 0.5, 0.0: 0.6, 5.0: 0.76, 14.0: 0.76}
    lift = body.shoulder + (1.5 if body.child else 0.0)
    broad = (0.5 + 0.5 * w) * (0.86 if body.child else 1.0)
    shoulder = {0.0: -30.0, 4.6: -24.0, 5.3: -18.0 - lift, 6.6: -15.8 - lift, 9.0: -14.3 - lift}
    shoulder |= {12.5: -13.2 - lift, 16.0: -12.0 - lift, 18.5: -10.2 - lift, 20.2: -7.0, 21.0: 0.0, 21.4: 20.0}
    return Outlines(
        outer=table({y * k: x * w for y, x in outer.items()}),
        inner_left=table({y * k: x for y, x in left.items()}),
        inner_right=table({y * k: x for y, x in right.items()}),
        heart_left=table({y * k: x for y, x in _heart_left(body).items()}, 1.1),
        heart_right=table({y * k: x for y, x in _heart_right(body).items()}, 1.1),
        heart_depth=table({y: d * body.depth for y, d in heart_depth.items()}),
        depth=table({y * k: d * body.depth for y, d in depth.items()}),
        torso=table({y: x * w for y, x in torso.items()}, 2.0),
        torso_depth=table({y: d * body.depth + 2 * body.front for y, d in torso_depth.items()}, 2.0),
        shoulder=table({x * broad if x > 5 else x: y for x, y in shoulder.items()}, 0.8),
    )


def _heart_left(body: Body) -> dict[float, float]:
    s, knob, tilt = body.heart, body.knob, body.heart_tilt
    widest = 8.4 * s * (0.75 + 0.25 * tilt)
    border = {-12.0: 2.0, -8.2: 2.3 + body.thymus, -6.8: 2.0 + 0.9 * knob, -5.4: 2.1 + 1.1 * knob}
    border |= {-3.6: 2.5 + 0.3 * knob + 0.8 * body.thymus, -1.8: 3.4 + 0.4 * s, 0.4: 0.56 * widest, 3.2: 0.8 * widest}
    return border | {5.6: 0.95 * widest, 7.4: widest, 9.0: 0.97 * widest, 10.5: 0.85 * widest, 13.0: 0.6 * widest}


def _heart_right(body: Body) -> dict[float, float]:
    s = body.heart
    border = {-12.0: 2.0, -8.0: 2.3 + 0.9 * body.thymus, -4.0: 2.7 + 0.8 * body.thymus, -1.5: 3.3, 0.5: 3.4}
    return border | {2.5: 3.7 * s, 4.8: 4.4 * s, 7.0: 4.2 * s, 9.0: 3.5 * s, 13.0: 2.6 * s}


@dataclass(frozen=True)
class Rays:
    """The rays of the beam, one per pixel, in body coordinates; each array is (N, N), float32 except `row`."""

    body: Body
    lines: Outlines
    x: np.ndarray
    y: np.ndarray
    side: np.ndarray  # |x|
    is_left: np.ndarray  # 1 in the patient's left half, else 0
    row: np.ndarray  # index of y into the tables
    outer: np.ndarray  # the lungs' side wall at this height
    depth: np.ndarray  # the lungs' extent along the beam at this height

    def read(self, curve: np.ndarray) -> np.ndarray:
        """Return the value of a curve of the height y at every ray, shape (N, N)."""
        return curve[self.row]


def cast(body: Body, n: int) -> Rays:
    """Return the rays of an n x n image of `body`; x is measured from the midline of its curved spine."""
    x, y = body.view.grid(n)
    x = x - body.bend * np.cos(y * 0.18)
    lines = outlines(body)
    row = table_index(y)
    is_left = (x > 0).astype(np.float32)
    return Rays(body, lines, x, y, np.abs(x), is_left, row, lines.outer[row], lines.depth[row])
