"""The built pages in one zip: the same bytes for the same pages."""

from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

FOLDER = "flowbook"
WHEN = (1980, 1, 1, 0, 0, 0)  # the first that a zip can say
# What Sphinx and make leave for themselves among the pages.
OURS = {".buildinfo", ".done", "objects.inv"}


def pack(site: Path, target: Path) -> Path:
    """Write the zip, in which everything stands in one folder with an index.html."""
    files = [path for path in sorted(site.rglob("*")) if is_content(path, site)]
    with ZipFile(target, "w", ZIP_DEFLATED, compresslevel=9) as out:
        for path in files:
            name = f"{FOLDER}/{path.relative_to(site).as_posix()}"
            entry = ZipInfo(name, WHEN)
            entry.external_attr = 0o644 << 16
            out.writestr(entry, path.read_bytes(), ZIP_DEFLATED)
    return target


def is_content(path: Path, site: Path) -> bool:
    """Whether a reader needs it: no caches, nothing hidden."""
    parts = path.relative_to(site).parts
    is_hidden = any(part.startswith(".") for part in parts)
    return path.is_file() and not is_hidden and parts[-1] not in OURS
