"""Lungs in a frame of their own, back in the picture, and without their hospital."""

import numpy as np
import pytest
import torch

from gan_core.anatomy import lung_view, neutral_view
from gan_core.anatomy.lung_view import Chests, LungViews
from gan_core.data.readers.phantom import drawer

PICTURES, MASKS = (
    np.stack(parts)
    for parts in zip(
        *(
            (np.rint(255 * drawn.image).astype(np.uint8)[..., None], drawn.lungs)
            for drawn in (drawer("cxr").draw("normal", seed, 128) for seed in (3, 4, 5))
        ),
        strict=True,
    )
)


@pytest.fixture(scope="module")
def chests() -> Chests:
    return lung_view.described(PICTURES, MASKS)


@pytest.fixture(scope="module")
def views(chests: Chests) -> LungViews:
    return chests.views()


def test_a_frame_holds_both_lungs_and_a_margin(chests: Chests, views: LungViews) -> None:
    assert chests.kept.all() and len(views) == 3
    for mask, box, shown in zip(MASKS, chests.boxes, views.mask, strict=True):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        top, bottom, left, right = (128 * box).tolist()
        assert top < rows[0] < rows[-1] < bottom and left < columns[0] < columns[-1] < right
        assert bottom - top == pytest.approx((rows[-1] + 1 - rows[0]) * (1 + 2 * lung_view.MARGIN), rel=0.01)
        border = torch.cat((shown[0, 0], shown[0, -1], shown[0, :, 0], shown[0, :, -1]))
        assert float(border.max()) < 0.05


@pytest.mark.parametrize("size", [(128, 128), (300, 200), (64, 96)])
def test_a_map_comes_back_to_where_it_was(views: LungViews, size: tuple[int, int]) -> None:
    back = lung_view.paste(views.mask, views.boxes, size)[:, 0].numpy() > 0.5
    height, width = size
    rows, columns = np.arange(height) * 128 // height, np.arange(width) * 128 // width
    for found, mask in zip(back, MASKS, strict=True):
        truth = mask[rows][:, columns]
        assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.95
    top = views.boxes[0, 0] * height
    everything = lung_view.paste(torch.ones_like(views.mask[:1]), views.boxes[:1], size)
    assert float(everything[:, :, : int(top) - 1].max()) == 0 < float(everything[:, :, int(top) + 2].max())


def test_where_a_pixel_lies_in_its_lung(views: LungViews) -> None:
    inside = views.mask[:, 0] > 0.9
    for outward, downward, lung in zip(views.outward[:, 0], views.downward[:, 0], inside, strict=True):
        columns = torch.arange(lung_view.SIZE).expand_as(lung)
        left = lung & (columns < lung_view.SIZE // 2)
        for side, sign in ((left, -1), (lung & ~left, 1)):
            across = np.corrcoef(columns[side].numpy(), outward[side].numpy())[0, 1]
            down = np.corrcoef(np.nonzero(side.numpy())[0], downward[side].numpy())[0, 1]
            assert sign * across > 0.7 and down > 0.95


def test_airless_lung_is_as_bright_as_the_tissue_around_it(chests: Chests) -> None:
    """Never as dark as air, and not led astray by air or letters beside the lungs."""
    for picture, mask, airless in zip(PICTURES, MASKS, chests.plane("airless"), strict=True):
        found, tissue = airless[0].numpy()[mask], np.median(picture[..., 0][~mask & (picture[..., 0] > 90)] / 255)
        assert (found > np.median(picture[mask] / 255)).all()
        assert abs(np.median(found) - tissue) < 0.2
    marked = PICTURES.copy()
    marked[:, 2:12, 2:30], marked[:, -6:] = 255, 0
    moved = lung_view.described(marked, MASKS).plane("airless")
    inside = torch.from_numpy(MASKS)[:, None]
    assert float((moved - chests.plane("airless"))[inside].abs().max()) < 0.05


def test_the_neutral_view_knows_no_exposure(views: LungViews) -> None:
    """Brightness and contrast of a picture drop out; what is outside the lungs is 0."""
    bright = LungViews(**{**vars(views), "grey": 0.3 + views.grey / 2, "airless": 0.3 + views.airless / 2})
    torch.testing.assert_close(neutral_view.density(bright), neutral_view.density(views), atol=1e-4, rtol=0)
    shown = neutral_view.density(views)
    assert float(shown[views.mask == 0].abs().max()) == 0
    inside = views.mask > 0.9
    assert float((shown[inside] < 0.02).float().mean()) == pytest.approx(0.05, abs=0.03)


def test_pictures_without_lungs_are_named_and_left_out() -> None:
    empty = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None, None], 64, 2).repeat(2, 0)  # ramps
    both = np.concatenate((empty[:1], PICTURES[:1, ::2, ::2], empty[1:]))
    found = lung_view.look(both)
    assert found.kept.tolist() == [False, True, False] and len(found.views()) == 1
    assert found.reasons[1] == "" and all(found.reasons[place] for place in (0, 2))
    nothing = lung_view.look(empty)
    assert len(nothing.views()) == 0 and nothing.maps.shape == (0, 7, lung_view.MAPS, lung_view.MAPS)


def test_lungs_stand_in_where_there_are_none() -> None:
    views = lung_view.standing_in()
    assert len(views) == 1 and 0.3 < float(views.mask.mean()) < 0.9


def test_what_follows_from_masks_is_taken_from_pictures_of_the_same_lungs() -> None:
    """The masks are not read again, and nothing else comes from the other pictures."""
    other = 255 - PICTURES
    expected, found = (
        lung_view.described(other, masks, like)
        for masks, like in ((MASKS, None), (np.zeros_like(MASKS), lung_view.described(PICTURES, MASKS)))
    )
    assert torch.equal(found.maps, expected.maps)
    assert torch.equal(found.boxes, expected.boxes)
    assert np.array_equal(found.around, expected.around)
    assert found.reasons == expected.reasons
    assert np.array_equal(found.kept, expected.kept)
