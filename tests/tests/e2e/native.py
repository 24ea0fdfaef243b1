"""What Python's programs make of Dayfly's files; prints JSON."""

import json
import sys

import faiss
import numpy
import pyarrow


def rows_of(path):
    return pyarrow.ipc.open_file(pyarrow.memory_map(path)).read_all()


def vectors_of(table):
    column = table.column("vector").combine_chunks()
    return column.flatten().to_numpy().reshape(table.num_rows, -1)


def neighbours(folder, parameters):
    """The rows that faiss finds by the index, for some vectors between rows."""
    index = faiss.read_index(f"{folder}/index.faiss")
    if parameters:
        faiss.ParameterSpace().set_index_parameters(index, parameters)
    rows = rows_of(f"{folder}/rows-00000.arrow")
    files = rows_of(f"{folder}/files.arrow")
    vectors = vectors_of(rows)
    queries = vectors[::40] + 0.3 * vectors[1::40]
    queries = numpy.ascontiguousarray(queries / numpy.linalg.norm(queries, axis=1, keepdims=True))
    _, found = index.search(queries, 10)
    assert index.ntotal == rows.num_rows
    assert sum(files.column("rows").to_pylist()) == rows.num_rows
    return {
        "rows": index.ntotal,
        "files": files.num_rows,
        "queries": [float(x) for x in queries.flatten()],
        "neighbours": found.tolist(),
    }


def langchain(ours, theirs, text):
    from langchain_community.vectorstores import FAISS
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings

    class None_(Embeddings):
        def embed_documents(self, texts):
            raise NotImplementedError

        embed_query = embed_documents

    store = FAISS.load_local(ours, None_(), allow_dangerous_deserialization=True)
    rows = {
        document.page_content: row
        for row, key in store.index_to_docstore_id.items()
        for document in [store.docstore.search(key)]
    }
    vector = store.index.reconstruct(rows[text])
    [found] = store.similarity_search_by_vector(vector, k=1)
    added = "one more text, from Python"
    other = numpy.zeros(store.index.d, dtype="float32")
    other[:2] = 0.6, 0.8
    store.add_embeddings(
        [(added, other.tolist())], metadatas=[{"source": "python", "author": "python"}]
    )
    store.save_local(theirs)
    assert isinstance(found, Document)
    return {
        "found": found.page_content,
        "source": found.metadata["source"],
        "added": added,
        "rows": store.index.ntotal,
    }


def arrow(path):
    table = rows_of(path)
    return {
        "rows": table.num_rows,
        "model": table.schema.metadata[b"dayfly.model"].decode(),
        "texts": table.column("text").to_pylist(),
        "length": float(numpy.linalg.norm(vectors_of(table)[0])),
    }


if __name__ == "__main__":
    command = {"neighbours": neighbours, "langchain": langchain, "arrow": arrow}[sys.argv[1]]
    print(json.dumps(command(*sys.argv[2:])))
