"""Every plot that the chapters draw: data in, a matplotlib figure out.

A plot function is decorated with `styled` and starts with `figure()`, both from
`flowbook.plots.style`; it is exported here, and tests/test_plots.py calls it once.
"""

from flowbook.plots.autoregressive import jacobian_sizes, masked_network, plane_fits
from flowbook.plots.contraction import (
    Iteration,
    cobwebs,
    jacobian_patterns,
    memory_against_depth,
    probe_variances,
    under_bounds,
)
from flowbook.plots.coupling import (
    coupling_steps,
    fitted_densities,
    gap_curves,
    image_tables,
    nice_limit,
    packing,
    reach_patterns,
)
from flowbook.plots.densities import (
    gallery,
    histograms,
    kl_integrand,
    nll_above_entropy,
    surprise,
)
from flowbook.plots.elementwise import histogram_flows, joints, knotted_map
from flowbook.plots.flows import density_steps, gaussianised, grid_warp, training_curve
from flowbook.plots.gradients import two_routes, variances
from flowbook.plots.importance import mixture_optima, proposals, wasted_samples
from flowbook.plots.latent import (
    bound_and_gap,
    bounds_below,
    image_rows,
    latent_map,
    path_lengths,
)
from flowbook.plots.linear import NormalFit, cost_curves, matrix_images, normal_fits
from flowbook.plots.one_dimension import (
    change_of_variables,
    density_curves,
    learned_map,
    map_family,
    strips,
)
from flowbook.plots.overview import chapter_map, operation_counts

__all__ = [
    "Iteration",
    "NormalFit",
    "bound_and_gap",
    "bounds_below",
    "change_of_variables",
    "chapter_map",
    "cobwebs",
    "cost_curves",
    "coupling_steps",
    "density_curves",
    "density_steps",
    "fitted_densities",
    "gallery",
    "gap_curves",
    "gaussianised",
    "grid_warp",
    "histogram_flows",
    "histograms",
    "image_rows",
    "image_tables",
    "jacobian_patterns",
    "jacobian_sizes",
    "joints",
    "kl_integrand",
    "knotted_map",
    "latent_map",
    "learned_map",
    "map_family",
    "masked_network",
    "matrix_images",
    "memory_against_depth",
    "mixture_optima",
    "nice_limit",
    "nll_above_entropy",
    "normal_fits",
    "operation_counts",
    "packing",
    "path_lengths",
    "plane_fits",
    "probe_variances",
    "proposals",
    "reach_patterns",
    "strips",
    "surprise",
    "training_curve",
    "two_routes",
    "under_bounds",
    "variances",
    "wasted_samples",
]
