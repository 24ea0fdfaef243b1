"""The upload handler that Dayfly replaces, as it is commonly written: LangChain and FAISS in a
long-lived process. With `COLLECT` set it is the form that people mend it to: a full collection after each
upload."""

import gc
import os

from flask import Flask, request
from langchain_community.vectorstores import FAISS
from langchain_openai import OpenAIEmbeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter

app = Flask(__name__)


@app.post("/upload")
def upload():
    text = (request.get_json(silent=True) or {}).get("text")
    if not text:
        return "Error: No text provided", 400
    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=150)
    embeddings = OpenAIEmbeddings(
        model="fake",
        api_key="none",
        base_url=os.environ["EMBED_BASE_URL"],
        check_embedding_ctx_length=False,
    )
    store = FAISS.from_texts(splitter.split_text(text), embeddings)
    store.save_local(os.environ["INDEX_FOLDER"])
    if "COLLECT" in os.environ:
        del store, embeddings
        gc.collect()
    return "Success: Data uploaded and indexed successfully"
