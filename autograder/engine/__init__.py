"""The grading engine: runs a notebook in one process (S), judges it in another (T).

A *template* imports what notebooks need once, and forks. S runs the student's cells in
an in-process IPython shell; T never runs student code: it runs the instructor's given
and test cells, and asks S for values over a channel. The *worker* (the process that
holds the Runner) drives both, and reads nothing from them but plain data.
"""
