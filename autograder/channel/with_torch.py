"""What the channel needs of torch, taken before a student's code may change it.

Imported by a process that has torch, and by no other one.
"""

from torch import equal

from autograder.channel import transforms
from autograder.channel.gradients import Lease, Link, leaves_of, pull_back

__all__ = ["Lease", "Link", "equal", "leaves_of", "pull_back", "transforms"]
