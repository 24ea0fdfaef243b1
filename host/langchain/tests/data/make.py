"""Writes an index.pkl with the LangChain that is installed: make.py FILE [PROTOCOL ...]

With protocols, FILE-PROTOCOL.pkl holds the same store in that protocol of pickle.
"""

import importlib
import os
import pickle
import sys
import tempfile


def first(*names):
    for name in names:
        module, attribute = name.rsplit(".", 1)
        try:
            return getattr(importlib.import_module(module), attribute)
        except ImportError:
            pass
    raise SystemExit(f"none of {names}")


FAISS = first("langchain_community.vectorstores.FAISS", "langchain.vectorstores.FAISS")
Embeddings = first(
    "langchain_core.embeddings.Embeddings", "langchain.embeddings.base.Embeddings"
)


class Fake(Embeddings):
    def embed_documents(self, texts):
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text):
        return [float(len(text)), 1.0]


# Strings and a dict that documents share, as they do after a text splitter.
source = "folder/" + "x" * 300
shared = {"source": source, "page": 70_000}
rich = {
    "none": None,
    "yes": True,
    "no": False,
    "integers": [0, 255, 65_536, -1, 2**31, -(2**63), 2**64 - 1],
    "floats": [1.5, -0.0],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "dict": {"empty": {}, "inner": {"a": "b"}},
    "many": list(range(1_001)),
}
db = FAISS.from_texts(["apple", "naïve 😀"], Fake(), metadatas=[rich, shared])
db.add_texts(["", "x" * 300], metadatas=[shared, {"source": source}])
with tempfile.TemporaryDirectory() as folder:
    db.save_local(folder)
    data = open(os.path.join(folder, "index.pkl"), "rb").read()
with open(sys.argv[1] + ".pkl", "wb") as file:
    file.write(data)
for protocol in sys.argv[2:]:
    with open(f"{sys.argv[1]}-{protocol}.pkl", "wb") as file:
        pickle.dump(pickle.loads(data), file, int(protocol))
