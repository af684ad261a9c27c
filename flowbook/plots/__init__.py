"""Every plot that the chapters draw: data in, a matplotlib figure out.

A plot function is decorated with `styled` and starts with `figure()`, both from
`flowbook.plots.style`; it is exported here, and tests/test_plots.py calls it once.
"""

from flowbook.plots.flows import density_steps, gaussianised, grid_warp, training_curve
from flowbook.plots.one_dimension import (
    change_of_variables,
    density_curves,
    learned_map,
    map_family,
    strips,
)
from flowbook.plots.overview import chapter_map, operation_counts

__all__ = [
    "change_of_variables",
    "chapter_map",
    "density_curves",
    "density_steps",
    "gaussianised",
    "grid_warp",
    "learned_map",
    "map_family",
    "operation_counts",
    "strips",
    "training_curve",
]
