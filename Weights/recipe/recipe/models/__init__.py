"""The three networks of a model folder, in PyTorch: T5 text encoder, tiny autoencoder, diffusion transformer."""

from .autoencoder import LATENT_CHANNELS, TinyDecoder, TinyEncoder
from .text import T5Encoder
from .transformer import DiT

__all__ = ["LATENT_CHANNELS", "DiT", "T5Encoder", "TinyDecoder", "TinyEncoder"]
