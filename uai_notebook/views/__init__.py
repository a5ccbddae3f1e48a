"""Pure views: a snapshot, a history or an item becomes a figure, numbers to draw, or HTML.

Names resolve on first use (PEP 562), so that importing this loads neither plotly nor Pillow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .figures import discovery_curve as discovery_curve
    from .figures import latent_score as latent_score
    from .film.choosing import choices as choices
    from .film.evolving import compare as compare
    from .film.evolving import evolution as evolution
    from .maps.figure import latent_map as latent_map
    from .outlook import stopping_curve as stopping_curve
    from .pictures.save import save as save
    from .projection import LatentAxis as LatentAxis
    from .renderers import render_item as render_item
    from .renderers import render_thumbnail as render_thumbnail
    from .rounds import frozen_curves as frozen_curves
    from .rounds import separability_curve as separability_curve
    from .separation import separability as separability
    from .why import why_html as why_html

_MODULE_OF = {
    "LatentAxis": "projection",
    "choices": "film.choosing",
    "compare": "film.evolving",
    "discovery_curve": "figures",
    "evolution": "film.evolving",
    "frozen_curves": "rounds",
    "latent_map": "maps.figure",
    "latent_score": "figures",
    "render_item": "renderers",
    "render_thumbnail": "renderers",
    "save": "pictures.save",
    "separability": "separation",
    "separability_curve": "rounds",
    "stopping_curve": "outlook",
    "why_html": "why",
}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605  (all are strings)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value  # next time without this function
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
