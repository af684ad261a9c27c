"""Generates notebooks/ from book/ and solutions/: `python -m tools.notebooks`.

source     a MyST text notebook, read into pages and cells
labels     what every label stands for, in words and numbers: "Figure 2.1"
blocks     directives, equations and other blocks, into what Jupyter shows
inline     roles and links, into what Jupyter shows
citations  author and year, and the list at the notebook's end
chapter    the passes that turn a page into a notebook
tree       all of notebooks/: write it, or check it
"""
