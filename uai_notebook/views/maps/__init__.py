"""UMAP of the latents or of x: fitted once and kept for all rounds, in a process of its own."""

from .job import LatentMap, MapJob, MapProgress

__all__ = ["LatentMap", "MapJob", "MapProgress"]
