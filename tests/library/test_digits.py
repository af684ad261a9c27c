"""The digits are those of scikit-learn, whose file is read without importing it."""

import subprocess
import sys

import numpy as np
import torch
from sklearn.datasets import load_digits

from flowbook.digits import digits


def test_the_digits_are_those_that_scikit_learn_gives():
    images, labels = digits(torch.float64)
    known_images, known_labels = load_digits(return_X_y=True)
    np.testing.assert_array_equal(images.numpy(), known_images)
    np.testing.assert_array_equal(labels.numpy(), known_labels)
    assert labels.dtype == torch.int64


def test_reading_them_imports_no_scikit_learn():
    code = "import sys; from flowbook.digits import digits; digits()\n"
    code += "assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
