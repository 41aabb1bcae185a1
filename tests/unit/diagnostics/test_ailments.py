"""Are ailments named rightly? Small runs that were trained with one each, and healthy ones: the table.

Thresholds were set on the seeds below 5 of the cases without a mark: on 0 to 2; 3 and 4, trained later, asked for no
change. The rest was scored with them: seeds 5 to 9, which were trained on other pictures, and the cases with a star.

    python -m benchmarks.ailments score     # prints it

The cases with a plus were missed when they were first scored, and rules were made for them afterwards, so that these
runs test nothing any more: a loss that explodes on the generator's side, a discriminator left behind (six cases), and
variety that is lost in part (two). Counted with them, 64 of the 102 runs with ailments that no threshold was set on
were named at first sight. Of the starred ones two of `latent-size-1-cgan` keep 69 and 73 % of the data's diversity:
short of a collapse, and said as that ("less diverse than the data").

A plain BiGAN was expected to be healthy. Its discriminator is right about 95 % of the images from beginning to end, and
that is what is said of it.
"""

import pytest

from tests.helpers import ailing

ALL_TOGETHER = 1_500_000  # bytes of the tables

# Case -> (to be said; "" for a healthy one), rightly named and number of the runs with seeds 0 to 4, and 5 to 9.
TABLE: dict[str, tuple[str, tuple[int, int], tuple[int, int]]] = {
    "healthy-gan": ("", (5, 5), (5, 5)),
    "healthy-gan-seed": ("", (5, 5), (5, 5)),
    "ten-to-one": ("saturated", (5, 5), (5, 5)),
    "one-latent": ("collapse", (5, 5), (5, 5)),
    "hundred-rate": ("diverged", (5, 5), (5, 5)),
    "few-images": ("overfitting", (5, 5), (5, 5)),
    "saturating": ("vanishing", (5, 5), (5, 5)),
    "momentum": ("oscillation", (5, 5), (5, 5)),
    "no-rate": ("nothing_learned", (5, 5), (5, 5)),
    "healthy-dcgan*": ("", (0, 0), (4, 5)),
    "healthy-cgan*": ("", (0, 0), (5, 5)),
    "healthy-bigan*": ("", (0, 0), (5, 5)),
    "healthy-cgan-seed*": ("", (0, 0), (4, 5)),
    "healthy-bigan-seed*": ("", (0, 0), (0, 5)),
    "fast-discriminator*": ("saturated", (0, 0), (5, 5)),
    "fast-discriminator-cgan*": ("saturated", (0, 0), (5, 5)),
    "ten-to-one-seed*": ("saturated", (0, 0), (5, 5)),
    "frozen-generator*": ("saturated", (0, 0), (5, 5)),
    "frozen-generator-seed*": ("saturated", (0, 0), (5, 5)),
    "few-images-cgan*": ("overfitting", (0, 0), (5, 5)),
    "few-images-seed*": ("overfitting", (0, 0), (5, 5)),
    "momentum-gan-seed*": ("oscillation", (0, 0), (4, 4)),
    "no-rate-cgan*": ("nothing_learned", (0, 0), (2, 2)),
    "hundred-rate-seed*": ("diverged", (0, 0), (5, 5)),
    "one-latent-seed*": ("collapse", (0, 0), (5, 5)),
    "one-latent-cgan*": ("collapse", (0, 0), (5, 5)),
    "latent-size-1-cgan*": ("collapse", (0, 0), (3, 5)),
    "latent-size-1+": ("collapse", (0, 0), (5, 5)),
    "latent-size-1-seed+": ("collapse", (0, 0), (5, 5)),
    "hundred-rate-cgan+": ("diverged", (0, 0), (4, 4)),
    "frozen-discriminator+": ("fooled", (0, 0), (4, 4)),
    "slow-discriminator+": ("fooled", (0, 0), (5, 5)),
    "slow-discriminator-seed+": ("fooled", (0, 0), (5, 5)),
    "slow-discriminator-cgan+": ("fooled", (0, 0), (5, 5)),
    "generator-ahead+": ("fooled", (0, 0), (5, 5)),
    "generator-ahead-seed+": ("fooled", (0, 0), (5, 5)),
}
MISSED = ("latent-size-1-cgan*", "healthy-bigan-seed*")


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[tuple[int, int], tuple[int, int]]]:
    """Case -> (right, of) on seeds 0 to 4 and on seeds 5 to 9."""
    found = {}
    for case, (expected, *_) in TABLE.items():
        runs = ailing.unpack(case.rstrip("*+"), tmp_path_factory.mktemp("case"))
        answers = {seed: ailing.right(expected, run) for seed, run in runs.items()}
        early, late = ([answer for seed, answer in answers.items() if (seed < 5) is part] for part in (True, False))
        found[case] = ((sum(early), len(early)), (sum(late), len(late)))
    return found


def test_the_table_is_as_it_stands_here(scored: dict[str, tuple[tuple[int, int], tuple[int, int]]]) -> None:
    assert scored == {case: (early, late) for case, (_, early, late) in TABLE.items()}


@pytest.mark.parametrize("starred", [False, True])
@pytest.mark.parametrize("ailing_runs", [False, True])
def test_nine_of_ten_are_named_rightly_where_no_threshold_was_set(ailing_runs: bool, starred: bool) -> None:
    """Seeds 5 to 9; of what was not in the making of the rules, all cases but the two that the text above tells of."""
    cells = {
        case: late
        for case, (expected, _, late) in TABLE.items()
        if bool(expected) is ailing_runs and case.endswith("*") is starred and case != "healthy-bigan-seed*"
    }
    assert sum(right for right, _ in cells.values()) >= 0.9 * sum(count for _, count in cells.values())
    assert all(right >= 0.8 * count for case, (right, count) in cells.items() if case not in MISSED)


def test_every_case_is_in_the_table_and_all_are_small() -> None:
    files = sorted(ailing.FOLDER.glob("*.gz"))
    assert {path.name.partition(".")[0] for path in files} == {case.rstrip("*+") for case in TABLE}
    assert sum(path.stat().st_size for path in files) < ALL_TOGETHER
