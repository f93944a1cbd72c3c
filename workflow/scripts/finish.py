"""End a run: write the report and the costs, and print where the results are.

Called by the Snakefile with `--fresh` after a run has succeeded, and by envs/run after a run without jobs. Takes the
arguments of Snakemake.
"""

import sys
from pathlib import Path

from earthdim.provenance.report import finish

if __name__ == "__main__":
    sys.exit(finish(sys.argv[1:], Path(__file__).absolute()))
