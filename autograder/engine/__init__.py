"""The grading engine: runs a notebook in one process, judges it from another.

A *template* imports what notebooks need once, and forks. The *student process* runs the
student's cells in an in-process IPython shell. The *test process* never runs student
code: it runs the instructor's given and test cells, and asks the student process for
values over a channel. The *worker* (the process that holds the Runner) drives both, and
reads nothing from them but plain data.
"""
