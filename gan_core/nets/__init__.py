"""Building blocks: generators, discriminators and layers that the families combine."""

from gan_core.nets.classes import ClassEmbedding, ConditionalGenerator, ProjectionDiscriminator
from gan_core.nets.convolutional import ConvDiscriminator, ConvGenerator, Shape, stages
from gan_core.nets.patches import PatchHeads, draw_places
from gan_core.nets.perceptron import ImagePerceptron, Perceptron
from gan_core.nets.pool import ImagePool
from gan_core.nets.residual import ResidualDiscriminator, ResidualGenerator
from gan_core.nets.small_unet import SmallUNet
from gan_core.nets.translators import PatchDiscriminator, ResNetTranslator, UNetTranslator
from gan_core.nets.unet_discriminator import UNetDiscriminator, answers
from gan_core.nets.velocity_unet import VelocityUNet

__all__ = [
    "ClassEmbedding",
    "ConditionalGenerator",
    "ConvDiscriminator",
    "ConvGenerator",
    "ImagePerceptron",
    "ImagePool",
    "PatchDiscriminator",
    "PatchHeads",
    "Perceptron",
    "ProjectionDiscriminator",
    "ResNetTranslator",
    "ResidualDiscriminator",
    "ResidualGenerator",
    "Shape",
    "SmallUNet",
    "ToldGenerator",
    "UNetDiscriminator",
    "UNetTranslator",
    "VelocityUNet",
    "answers",
    "draw_places",
    "stages",
]

ToldGenerator = ConditionalGenerator  # old name, for plug-ins
