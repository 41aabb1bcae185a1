"""Building blocks that compute a known function in a faster way must still compute that function."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gan_core.nets import ProjectionDiscriminator, pyramid
from gan_core.nets.convolutional import ToImage, UpConv, stages
from gan_core.nets.dropout import Dropout
from gan_core.nets.residual import ResidualDiscriminator, ResidualGenerator


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (1, 5, 7, 6)])
def test_up_conv_is_nearest_neighbours_and_a_convolution(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layer, x = UpConv(shape[1], 4), torch.randn(shape, requires_grad=True)
    expected = F.conv2d(F.interpolate(x, scale_factor=2), layer.weight, padding=1)
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)
    gradients = [torch.autograd.grad(y.square().sum(), (x, layer.weight)) for y in (layer(x), expected)]
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_to_image_is_a_convolution(channels: int) -> None:
    torch.manual_seed(0)
    layer, x = ToImage(5, channels), torch.randn(2, 5, 7, 6, requires_grad=True)
    expected = F.conv2d(x, layer.weight, layer.bias, padding=1)
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)
    gradients = [torch.autograd.grad(y.square().sum(), (x, layer.weight)) for y in (layer(x), expected)]
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-3, rtol=1e-4)


def test_stages_double_up_to_the_most() -> None:
    assert stages(64, 32, 128) == (128, 128, 128, 64, 32)
    assert stages(32, 16, 999) == (128, 64, 32, 16)


@pytest.mark.parametrize("p", [0.25, 0.4, 0.5])
def test_dropout_drops_its_share_and_keeps_the_mean(p: float) -> None:
    torch.manual_seed(0)
    layer = Dropout(p)
    x = torch.ones(16, 8, 20, 20).to(memory_format=torch.channels_last)
    y = layer(x)
    assert (y == 0).float().mean().item() == pytest.approx(p, abs=0.01)
    assert y.mean().item() == pytest.approx(1, abs=0.02)
    # One picture's mask is not another's, nor one channel's.
    assert not torch.equal(y[0], y[1])
    assert not torch.equal(y[:, 0], y[:, 1])
    assert torch.equal(layer.eval()(x), x)


def test_dropout_passes_gradients_where_it_passes_values() -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 10, requires_grad=True)
    y = Dropout(0.5)(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(gradient != 0, y != 0)


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 64, 64)])
def test_bands_hold_the_whole_picture(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    images = torch.rand(2, *shape) * 2 - 1
    bands = pyramid.to_bands(images)
    assert bands.shape == (2, pyramid.band_count(shape))
    # `from_bands` halves each finer band, `to_bands` raises it by its level: undo both.
    sizes = [shape[0] * size * size for size in pyramid.band_sizes(shape[1])]
    parts = [part * 2**level / (level + 1) if level else part for level, part in enumerate(bands.split(sizes, 1))]
    torch.testing.assert_close(pyramid.from_bands(torch.cat(parts, 1), shape), images, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("blocks", [1, 2])
def test_residual_networks_begin_as_their_steps_between_resolutions(blocks: int) -> None:
    """And pass on what has a size of its own: neither grown nor faded, without any normalisation."""
    torch.manual_seed(0)
    networks = [ResidualGenerator(20, (64, 64, 32, 16), (1, 32, 32), blocks=b) for b in (0, blocks)]
    networks += [ResidualDiscriminator((32, 64, 64), (1, 32, 32), blocks=b) for b in (0, blocks)]
    for bare, full in (networks[:2], networks[2:]):
        missing = full.load_state_dict(bare.state_dict(), strict=False).missing_keys
        assert missing and all("stages" in name for name in missing)
    z, images = torch.randn(64, 20), torch.randn(64, 1, 32, 32)
    torch.testing.assert_close(networks[0](z), networks[1](z))
    features = networks[3](images)
    torch.testing.assert_close(networks[2](images), features)
    assert features.shape == (64, 64)
    assert 0.2 < float(features.detach().std()) < 5
    assert networks[1](z).shape == (64, 1, 32, 32) and networks[1](z).abs().max() < 1


def test_logits_of_a_projection_discriminator_keep_small_differences_in_bfloat16() -> None:
    """Relativistic logits drift together: at an offset of 6, bfloat16 has steps of 1/32."""
    features = nn.Flatten()
    features.feature_size = 64
    discriminator = ProjectionDiscriminator(features, 2)
    nn.init.constant_(discriminator.general.bias, -6.0)
    image = torch.randn(1, 1, 8, 8)
    images = torch.cat([image, image * 1.01])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        logits = discriminator(images, torch.zeros(2, dtype=torch.long))
    with torch.no_grad():
        expected = discriminator(images, torch.zeros(2, dtype=torch.long))
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, expected)
