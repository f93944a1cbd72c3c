"""The exact search compared with the exhaustive one of faiss, on the same embedding, one thread each.

    envs/run python -m pip install faiss-cpu          # not among earthdim's requirements
    envs/run python tests/benchmarks/search.py        # GeoCLIP's released encoder, 30,000 x 512

faiss searches as many candidates in float32 as earthdim keeps (k + 20). Its time excludes the recomputation of their
distances in float64, which an exact graph also needs. CPU seconds of the calls; the smaller of two runs is used.
"""

import argparse
import os
import sys

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}


def main(arguments: list[str]) -> int:
    """Measure both; print the ratio of their costs and the number of differing neighbours."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=30_000, help="points on land (default 30,000)")
    parser.add_argument("--k", type=int, default=100, help="neighbours (default 100)")
    options = parser.parse_args(arguments)
    try:
        import faiss
    except ImportError:
        raise SystemExit("faiss: not installed; envs/run python -m pip install faiss-cpu") from None
    import numpy as np
    from dimension import Meter, encoder_and_points, machine

    from earthdim.estimation.neighbours import knn, prepare
    from earthdim.estimation.neighbours.search import SPARE

    faiss.omp_set_num_threads(1)
    encoder, lonlat = encoder_and_points(options.n)
    points = prepare(encoder.embed(lonlat)).points
    knn(points[: 2 * options.k + 3], options.k)
    single = points.astype(np.float32)
    ours, theirs = [], []
    for _ in range(2):
        with Meter(0) as meter:
            graph = knn(points, options.k)
        ours.append(meter.cpu)
        with Meter(0) as meter:
            index = faiss.IndexFlatL2(single.shape[1])
            index.add(single)
            _, found = index.search(single, options.k + SPARE + 1)
        theirs.append(meter.cpu)
    # faiss finds each point itself too.
    lacking = sum(not set(row) <= set(candidates) for row, candidates in zip(graph.index, found, strict=True))
    print(machine())
    print(f"GeoCLIP's released encoder, {len(points):,} land points x {points.shape[1]}, k = {options.k}")
    print(
        f"earthdim, exact {min(ours):.2f} CPU s; faiss {faiss.__version__}, candidates {min(theirs):.2f} CPU s"
    )
    print(f"faiss costs {min(theirs) / min(ours):.1f} times as much")
    print(f"rows whose {options.k} nearest are not all among faiss' candidates: {lacking} of {len(points):,}")
    return 0


if __name__ == "__main__":
    wanted = {key: value for key, value in os.environ.items() if not key.startswith(("OPENBLAS", "GOTO"))}
    wanted |= ONE_THREAD
    if dict(os.environ) != wanted:
        os.execve(sys.executable, [sys.executable, *sys.argv], wanted)
    sys.exit(main(sys.argv[1:]))
