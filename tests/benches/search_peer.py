"""LanceDB without an index on the vectors in a folder: the peer of `benches/search.rs`."""

import json
import sys
import time

import lancedb
import numpy
import pyarrow

DIMENSION = 384
SEARCHES = 200


def read(name):
    return numpy.fromfile(f"{sys.argv[1]}/{name}", dtype="<f4").reshape(-1, DIMENSION)


vectors, queries = read("vectors"), read("queries")
column = pyarrow.FixedSizeListArray.from_arrays(vectors.ravel(), DIMENSION)
rows = pyarrow.table({"vector": column, "id": numpy.arange(len(vectors))})
table = lancedb.connect(f"{sys.argv[1]}/lance").create_table("rows", rows)
times = []
for number in range(SEARCHES + 8):
    query = queries[number % len(queries)]
    begin = time.perf_counter()
    table.search(query).metric("cosine").limit(10).to_arrow()
    times.append(time.perf_counter() - begin)
times = sorted(times[8:])
print(json.dumps({"p50_ms": times[len(times) // 2] * 1e3}))
