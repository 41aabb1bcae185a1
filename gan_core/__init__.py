"""GANray's training package: generative adversarial networks on chest X-rays and brain MRI.

python -m gan_core --help
"""

__version__ = "0.1.0"
