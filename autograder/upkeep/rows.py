"""A gradebook's rows from one database into another, whatever their engines are."""

from sqlalchemy import Connection, create_engine, func, inspect, select, text

from autograder.course.folder import database_open, own_tools_on_path
from autograder.model import CourseError

AT_ONCE = 10_000  # rows
VERSION = "SELECT version_num FROM alembic_version"


def copy_gradebook(source: str, target: str, course_id: str) -> int:
    """Copy all rows of a gradebook into a new one; return how many there are.

    Both are SQLAlchemy URLs. The tables of the target are made by nbgrader, as those of
    the source were. The rows are those of one moment, and arrive all or not at all.
    Raises CourseError when a database does not open, the target holds a gradebook with
    anything in it, or another version of nbgrader made the source.
    """
    from nbgrader.api import Gradebook

    with own_tools_on_path(), database_open(target):
        Gradebook(target, course_id).close()
    with database_open(source):
        theirs = create_engine(source, **at_one_moment(source))
        reading = theirs.connect()
    ours = create_engine(target)
    try:
        with reading, ours.begin() as writing:
            must_be_alike(reading, writing)
            must_be_empty(writing)
            return copy_rows(reading, writing)
    finally:
        theirs.dispose()
        ours.dispose()


def at_one_moment(url: str) -> dict[str, str]:
    """How to read what a server holds at one moment; SQLite needs no word."""
    served = not url.startswith("sqlite")
    return {"isolation_level": "REPEATABLE READ"} if served else {}


def shown(connection: Connection) -> str:
    """Which database this is, without its password."""
    return connection.engine.url.render_as_string(hide_password=True)


def must_be_alike(reading: Connection, writing: Connection) -> None:
    """CourseError where the tables were made by another version of nbgrader."""
    if not inspect(reading).has_table("alembic_version"):
        raise CourseError(f"{shown(reading)}: there is no gradebook of nbgrader's.")
    theirs, ours = (each.scalar(text(VERSION)) for each in (reading, writing))
    if theirs != ours:
        raise CourseError(
            f"{shown(reading)}: a gradebook of the version {ours} was expected, "
            f"not {theirs}: run `nbgrader db upgrade` there first."
        )


def must_be_empty(writing: Connection) -> None:
    """CourseError where a gradebook holds a student or an assignment."""
    from nbgrader.api import Assignment, Student

    for rows in (Student, Assignment):
        if writing.scalar(select(func.count()).select_from(rows.__table__)):
            raise CourseError(
                f"{shown(writing)}: an empty database was expected; it holds a "
                "gradebook."
            )


def copy_rows(reading: Connection, writing: Connection) -> int:
    """Copy the rows of all tables, those first to which others refer."""
    from nbgrader.api import Base

    tables, count = Base.metadata.sorted_tables, 0
    for table in reversed(tables):
        writing.execute(table.delete())  # nbgrader enters the course by itself
    for table in tables:
        found = reading.execution_options(yield_per=AT_ONCE).execute(select(table))
        for part in found.mappings().partitions():
            writing.execute(table.insert(), [dict(row) for row in part])
            count += len(part)
    return count
