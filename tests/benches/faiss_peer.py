"""Python's faiss-cpu on a base that Dayfly wrote: the peer of `benches/faiss.rs`."""

import glob
import json
import resource
import subprocess
import sys
import time


def tables(folder):
    import pyarrow

    for path in sorted(glob.glob(f"{folder}/rows-*.arrow")):
        yield pyarrow.ipc.open_file(pyarrow.memory_map(path)).read_all()


def vectors(folder):
    import numpy

    parts = []
    for table in tables(folder):
        column = table.column("vector").combine_chunks()
        parts.append(column.flatten().to_numpy().reshape(table.num_rows, -1))
    return numpy.concatenate(parts)


def build(folder, factory):
    import faiss

    faiss.omp_set_num_threads(2)
    rows = vectors(folder)
    index = faiss.index_factory(rows.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
    index.train(rows[:65536])
    index.add(rows)
    faiss.write_index(index, f"{folder}/peer.faiss")


def search(folder, parameters):
    import faiss
    import numpy

    faiss.omp_set_num_threads(1)
    index = faiss.read_index(f"{folder}/index.faiss")
    faiss.ParameterSpace().set_index_parameters(index, parameters)
    rows = vectors(folder)
    picked = rows[:: max(1, len(rows) // 100)][:100] + 0.3 * rows[1 :: max(1, len(rows) // 100)][:100]
    queries = numpy.ascontiguousarray(picked / numpy.linalg.norm(picked, axis=1, keepdims=True))
    for query in queries:
        index.search(query[None], 40)
    rounds = 20
    before = time.process_time()
    for _ in range(rounds):
        for query in queries:
            index.search(query[None], 40)
    took = time.process_time() - before
    print(
        json.dumps(
            {
                "queries_per_cpu_s": rounds * len(queries) / took,
                "queries": [float(x) for x in queries.flatten()],
            }
        )
    )


def measure(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime, "peak_mib": used.ru_maxrss / 1024}))


if __name__ == "__main__":
    {"build": build, "search": search, "measure": measure}[sys.argv[1]](*sys.argv[2:])
