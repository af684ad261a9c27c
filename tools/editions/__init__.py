"""Makes the book's other editions: `python -m tools.editions {zip,pdf,instructor}`.

archive     the built pages in one zip, to be read from disk
printing    the built pages printed by Chromium, each one a PDF
paper       those PDFs as one, with page numbers, an outline and links that lead within
instructor  the book with the solved assignments as pages, in a folder of its own
"""
