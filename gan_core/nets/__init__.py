"""Networks without a purpose of their own: the families give them one."""

from gan_core.nets.convolutional import ConvDiscriminator, ConvGenerator, Shape, stages
from gan_core.nets.perceptron import ImagePerceptron, Perceptron
from gan_core.nets.pool import ImagePool
from gan_core.nets.translators import PatchDiscriminator, ResNetTranslator, UNetTranslator

__all__ = [
    "ConvDiscriminator",
    "ConvGenerator",
    "ImagePerceptron",
    "ImagePool",
    "PatchDiscriminator",
    "Perceptron",
    "ResNetTranslator",
    "Shape",
    "UNetTranslator",
    "stages",
]
