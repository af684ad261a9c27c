"""Let the kernels of nbval make their tensors on the device of FLOWBOOK_DEVICE.

    FLOWBOOK_DEVICE=cuda PYTHONPATH=tests/builders \\
        pytest -p notebook_device --nbval-lax --nbval-current-env _build/solutions

`cpu` is what they do anyway; `meta` is the device with values of `meta_values`, which
finds on every machine what a card would find. A kernel reads its start-up file from
IPYTHONDIR; it is made for this run alone, so that nobody's own configuration changes.
"""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

VARIABLE = "FLOWBOOK_DEVICE"
START = """\
import os, sys
import torch
device = os.environ["FLOWBOOK_DEVICE"]
if device == "meta":
    sys.path.insert(0, os.environ["FLOWBOOK_BUILDERS"])
    from meta_values import meta_with_values
    _values = meta_with_values()
    _values.__enter__()
torch.set_default_device(device)
"""


def pytest_configure(config: pytest.Config) -> None:
    device = os.environ.get(VARIABLE, "cpu")
    if device == "cpu":
        return
    folder = TemporaryDirectory(prefix="flowbook-ipython-")
    config.add_cleanup(folder.cleanup)
    start = Path(folder.name) / "profile_default" / "startup" / "00_device.py"
    start.parent.mkdir(parents=True)
    start.write_text(START, encoding="utf-8")
    os.environ["IPYTHONDIR"] = folder.name
    os.environ["FLOWBOOK_BUILDERS"] = str(Path(__file__).parent)
    print(f"notebooks run on {device}", file=sys.stderr)
