"""Troubles of the machine, which are no submission's fault: a disk, the gradebook.

SQLAlchemy is not imported here: where it was not, no gradebook was opened.
"""

import errno
import sys

DISK = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EIO,
    errno.EACCES,
    errno.EPERM,
}


def of_the_machine(error: Exception) -> str | None:
    """A full disk, a locked or read-only gradebook in words; None for another error."""
    if is_of_the_disk(error):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    if is_of_the_gradebook(error):
        return f"the gradebook cannot be read or written: {in_words(error)}"
    return None


def is_of_the_disk(error: Exception) -> bool:
    """Whether a file cannot be written: no room, no right, no disk."""
    return isinstance(error, OSError) and error.errno in DISK


def is_of_the_gradebook(error: Exception) -> bool:
    """Whether the database does not do its work, whatever is to be entered."""
    loaded = sys.modules.get("sqlalchemy.exc")
    error = origin(error)
    if loaded is None or not isinstance(error, loaded.DBAPIError):
        return False
    return not isinstance(error, (loaded.DataError, loaded.IntegrityError))


def origin(error: BaseException) -> BaseException:
    """The database's own error where nbgrader tells it as one of an entry."""
    while type(error).__module__ == "nbgrader.api" and error.__context__ is not None:
        error = error.__context__
    return error


def may_pass(error: Exception) -> bool:
    """Whether a gradebook may do its work again by itself: a lock, a restart.

    A file that may not be written stays so until a person acts.
    """
    loaded = sys.modules["sqlalchemy.exc"]
    error = origin(error)
    if not isinstance(error, (loaded.OperationalError, loaded.InterfaceError)):
        return bool(getattr(error, "connection_invalidated", False))
    on_disk = type(error.orig).__module__.startswith("sqlite3")
    return not on_disk or "locked" in str(error.orig)


def in_words(error: Exception) -> str:
    """What the database said, in one line."""
    error = origin(error)
    return str(getattr(error, "orig", None) or error).strip().split("\n")[0]
