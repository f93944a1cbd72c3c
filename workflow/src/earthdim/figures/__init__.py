"""Figures: one file per figure, each with a function `draw` from tables to a matplotlib figure.

Contract of every `draw`:

- Its arguments are tables as written under results/ (`variants` is variants.csv, `dimension` is dimension.csv, and so
  on). It does not modify them.
- It returns an `earthdim.figures.style.PrintedFigure` in the project's style, one page width wide.
- The argument `points`, where present, selects the point sets whose rows are shown; see
  `earthdim.figures.cells.embedding_rows`.
- It raises ValueError, naming the table or argument, if the request is inconsistent. It raises the subclass
  OmittedError if the tables hold no data to show; the job then writes a placeholder figure that states the reason.
"""
