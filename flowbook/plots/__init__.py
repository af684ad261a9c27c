"""Every plot that the chapters draw: data in, a matplotlib figure out.

A plot function is decorated with `styled` and starts with `figure()`, both from
`flowbook.plots.style`; it is exported here, and tests/test_plots.py calls it once.
"""
