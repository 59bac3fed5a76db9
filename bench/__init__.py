"""The benchmark: what Morello costs beside no gateway at all and beside nginx, in one run."""
