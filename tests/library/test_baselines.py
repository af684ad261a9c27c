"""The bits per dimension that the simple densities reach on the digits."""

import pytest

from flowbook import baselines
from flowbook.digits import digits_split

TRAIN, TEST, *_ = digits_split()
# One draw of the dequantisation noise moves these by about .002, a mixture's by .01.
PRINTED = {
    "uniform": (lambda: baselines.uniform(), 4.087, 0.0005),
    "histogram": (lambda: baselines.histogram(TRAIN, TEST), 2.430, 0.0005),
    "diagonal Gaussian": (
        lambda: baselines.gaussian_mixture(TRAIN, TEST, covariance="diag", floor=1e-6),
        3.394,
        0.005,
    ),
    "full Gaussian": (
        lambda: baselines.gaussian_mixture(TRAIN, TEST, floor=1e-6),
        2.955,
        0.005,
    ),
    "ten Gaussians": (
        lambda: baselines.gaussian_mixture(TRAIN, TEST, 10, floor=0.1),
        2.655,
        0.02,
    ),
}


@pytest.mark.parametrize(("measure", "bits", "noise"), PRINTED.values(), ids=PRINTED)
def test_a_baseline_reaches_its_printed_bits_per_dim(measure, bits, noise):
    assert measure() == pytest.approx(bits, abs=noise)
