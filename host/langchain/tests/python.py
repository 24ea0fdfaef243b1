"""LangChain's side of the test: python.py save FOLDER, or python.py open FOLDER DOCUMENTS.

`save` writes a store. `open` opens the index.pkl in FOLDER, to which it adds an index.faiss, and
compares with the JSON in the file DOCUMENTS: a list of [id in the store, id, text, metadata].
"""

import json
import sys
from pathlib import Path

import faiss
import numpy
from langchain_community.vectorstores import FAISS
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings


class Fake(Embeddings):
    """A vector of each text that is always the same, and far from the other texts' vectors."""

    def embed_documents(self, texts):
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text):
        seed = numpy.frombuffer(text.encode() or b"\0", numpy.uint8)
        return numpy.random.default_rng(seed).normal(size=16).astype("float32").tolist()


def save(folder):
    store = FAISS.from_documents(
        [
            Document("apple", metadata={"n": 1, "tags": ["a", "b"], "at": (0.5, None)}),
            Document("pear", id="of its own"),
            Document("deleted"),
            Document("naïve 😀", metadata={"big": 2**64 - 1}),
        ],
        Fake(),
        ids=["first", "second", "third", "fourth"],
    )
    store.delete(["third"])
    store.save_local(folder)


def open_(folder, documents):
    documents = json.loads(Path(documents).read_text())
    fake = Fake()
    index = faiss.IndexFlatL2(16)
    vectors = fake.embed_documents(text for _, _, text, _ in documents)
    index.add(numpy.array(vectors, "float32"))
    faiss.write_index(index, f"{folder}/index.faiss")

    store = FAISS.load_local(folder, fake, allow_dangerous_deserialization=True)
    assert store.index_to_docstore_id == dict(enumerate(d[0] for d in documents))
    for name, id, text, metadata in documents:
        expected = Document(text, metadata=metadata)
        if id is not None:
            expected = Document(text, metadata=metadata, id=id)
        [found] = store.similarity_search(text, k=1)
        assert found == expected == store.docstore.search(name), (found, expected)
        assert found.model_fields_set == expected.model_fields_set
        assert found.__getstate__() == expected.__getstate__()
        assert found.model_copy(update={"id": "x"}).id == "x"
        assert repr(found) == repr(expected)

    # It is a store like any other from here on.
    store.add_documents([Document("added")], ids=["added"])
    store.delete([documents[0][0]])
    assert store.similarity_search("added", k=1)[0].page_content == "added"
    store.save_local(folder)


{"save": save, "open": open_}[sys.argv[1]](*sys.argv[2:])
