"""Every plot that the chapters draw: data in, a matplotlib figure out.

A plot function is decorated with `styled` and starts with `figure()`, both from
`flowbook.plots.style`; it is exported here, and tests/test_plots.py calls it once.
"""

from flowbook.plots.adversarial import (
    denoising_arrows,
    distances,
    modes_over_time,
    rounds,
)
from flowbook.plots.autoregressive import (
    jacobian_sizes,
    masked_network,
    plane_fits,
    slices,
)
from flowbook.plots.bounds import (
    gaps_against_count,
    gaussian_outlines,
    log_means,
    signal_to_noise,
)
from flowbook.plots.codes import bits_by_prior, code_cells, code_maps
from flowbook.plots.comparison import (
    bits_against_distance,
    image_strips,
    lines_and_paths,
)
from flowbook.plots.contraction import (
    Iteration,
    cobwebs,
    jacobian_patterns,
    memory_against_depth,
    probe_variances,
    residual_step,
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
    log_below_tangent,
    nll_above_entropy,
    points_and_densities,
    surprise,
)
from flowbook.plots.drawings import (
    autoregressive_layers,
    copied_and_moved,
    coupling_layer,
)
from flowbook.plots.elementwise import (
    bisection,
    histogram_flows,
    joints,
    knotted_map,
)
from flowbook.plots.flows import (
    density_steps,
    gaussianised,
    grid_warp,
    moments,
    training_curve,
)
from flowbook.plots.gaussianization import family_table, negentropy_curves
from flowbook.plots.gradients import two_routes, variances
from flowbook.plots.images import (
    bits_of_groups,
    cost_by_size,
    image_masks,
    pixel_stages,
    without_floor,
)
from flowbook.plots.importance import (
    mixture_optima,
    proposals,
    unseen_choice,
    wasted_samples,
)
from flowbook.plots.information import (
    active_latents,
    information_between,
    rate_and_images,
    rate_distortion,
    saddles,
    water_levels,
)
from flowbook.plots.latent import (
    bound_and_gap,
    bounds_below,
    chord,
    image_rows,
    latent_map,
    vae_diagram,
)
from flowbook.plots.linear import NormalFit, cost_curves, matrix_images, normal_fits
from flowbook.plots.one_dimension import (
    change_of_variables,
    density_curves,
    learned_map,
    map_family,
    strips,
)
from flowbook.plots.overview import chapter_map, operation_counts, parallelogram
from flowbook.plots.reverse import (
    density_table,
    samples_over,
    two_directions,
    waves,
)

__all__ = [
    "Iteration",
    "NormalFit",
    "active_latents",
    "autoregressive_layers",
    "bisection",
    "bits_against_distance",
    "bits_by_prior",
    "bits_of_groups",
    "bound_and_gap",
    "bounds_below",
    "change_of_variables",
    "chapter_map",
    "chord",
    "cobwebs",
    "code_cells",
    "code_maps",
    "copied_and_moved",
    "cost_by_size",
    "cost_curves",
    "coupling_layer",
    "coupling_steps",
    "denoising_arrows",
    "density_curves",
    "density_steps",
    "density_table",
    "distances",
    "family_table",
    "fitted_densities",
    "gallery",
    "gap_curves",
    "gaps_against_count",
    "gaussian_outlines",
    "gaussianised",
    "grid_warp",
    "histogram_flows",
    "histograms",
    "image_masks",
    "image_rows",
    "image_strips",
    "image_tables",
    "information_between",
    "jacobian_patterns",
    "jacobian_sizes",
    "joints",
    "kl_integrand",
    "knotted_map",
    "latent_map",
    "learned_map",
    "lines_and_paths",
    "log_below_tangent",
    "log_means",
    "map_family",
    "masked_network",
    "matrix_images",
    "memory_against_depth",
    "mixture_optima",
    "modes_over_time",
    "moments",
    "negentropy_curves",
    "nice_limit",
    "nll_above_entropy",
    "normal_fits",
    "operation_counts",
    "packing",
    "parallelogram",
    "pixel_stages",
    "plane_fits",
    "points_and_densities",
    "probe_variances",
    "proposals",
    "rate_and_images",
    "rate_distortion",
    "reach_patterns",
    "residual_step",
    "rounds",
    "saddles",
    "samples_over",
    "signal_to_noise",
    "slices",
    "strips",
    "surprise",
    "training_curve",
    "two_directions",
    "two_routes",
    "under_bounds",
    "unseen_choice",
    "vae_diagram",
    "variances",
    "wasted_samples",
    "water_levels",
    "waves",
    "without_floor",
]
