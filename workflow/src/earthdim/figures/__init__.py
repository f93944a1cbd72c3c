"""The figures: tables in, matplotlib figures out. One file a figure, each with one function `draw`.

What holds for every `draw`:

- It takes tables as they are written under results/ (`variants` is variants.csv, `dimension` dimension.csv and so on),
  leaves them as they were, and returns an `earthdim.figures.style.PrintedFigure`, drawn in the style of the project
  for the width of a page.
- `points`, where it is an argument, names the sample of points whose rows are shown; see
  `earthdim.figures.cells.embedding_rows`.
- It raises ValueError, naming the table or the argument, where it is asked for what there cannot be, and OmittedError,
  which is one, where there is nothing to show; the job then draws that there is nothing, and why.
"""
