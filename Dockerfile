# Untested: no container engine was available where this file was written. envs/run is the tested path.
#
#   docker build -t earthdim .
#   docker run --rm -v "$PWD/results:/earthdim/results" earthdim                                 the experiment `default`
#   docker run --rm earthdim pytest                                                              the tests
#   docker run --rm -v "$PWD/results:/earthdim/results" earthdim snakemake --cores 2 --config experiment=smoke
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git procps \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /earthdim
COPY . .
# The first call creates the environment; later ones find it.
RUN envs/run python -c "import earthdim"

ENTRYPOINT ["envs/run"]
CMD ["snakemake", "--cores", "2"]
