"""Routes image generation to many providers."""

__version__ = "0.1.0"
