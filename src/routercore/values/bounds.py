"""The whole numbers and the words that a request may give, whoever asks and however."""

from __future__ import annotations

from collections.abc import Mapping

BOUNDS: Mapping[str, tuple[int, int]] = {
    "n": (1, 100),
    "seed": (0, 2**63 - 1),
    "output_compression": (0, 100),
    "partial_images": (0, 3),
    "frame_count": (2, 16),
    "frame_duration_ms": (1, 655_350),
}
"""The least and the most, by setting. What a model takes beyond that, its card says."""
WORDS: Mapping[str, tuple[str, ...]] = {
    "complexity": ("low", "medium", "high"),
    "moderation": ("auto", "low"),
}
"""The words of settings that no card lists the words of."""
