"""Networks without a purpose of their own: the families give them one."""

from gan_core.nets.convolutional import ConvDiscriminator, ConvGenerator, Shape, stages
from gan_core.nets.perceptron import ImagePerceptron, Perceptron

__all__ = ["ConvDiscriminator", "ConvGenerator", "ImagePerceptron", "Perceptron", "Shape", "stages"]
