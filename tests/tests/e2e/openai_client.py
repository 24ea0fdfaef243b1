"""Drives Dayfly with OpenAI's client as its documentation shows it; prints "all well"."""

import hashlib
import io
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key="none-needed")

file = client.files.create(
    file=("herons.txt", io.BytesIO(b"Herons stand in shallow water and wait for fish.")),
    purpose="assistants",
)
assert file.object == "file" and file.bytes == 48, file
assert client.files.retrieve(file.id).filename == "herons.txt"
assert client.files.content(file.id).read().startswith(b"Herons stand")
assert [listed.id for listed in client.files.list()] == [file.id]

store = client.vector_stores.create(name="nature", metadata={"kind": "test"})
assert store.object == "vector_store" and store.metadata == {"kind": "test"}, store
attached = client.vector_stores.files.create_and_poll(
    file.id, vector_store_id=store.id, attributes={"year": 2024}
)
assert attached.status == "completed" and attached.last_error is None, attached
uploaded = client.vector_stores.files.upload_and_poll(
    vector_store_id=store.id,
    file=("glaciers.md", io.BytesIO(b"# Glaciers\n\nGlaciers carve valleys.")),
    chunking_strategy={
        "type": "static",
        "static": {"max_chunk_size_tokens": 400, "chunk_overlap_tokens": 100},
    },
)
assert uploaded.status == "completed", uploaded
assert uploaded.chunking_strategy.type == "static", uploaded
store = client.vector_stores.retrieve(store.id)
assert store.file_counts.completed == 2 and store.status == "completed", store

hits = client.vector_stores.search(store.id, query="herons wait for fish", max_num_results=5)
hits = list(hits)
assert hits[0].file_id == file.id and hits[0].filename == "herons.txt", hits
assert hits[0].content[0].text == "Herons stand in shallow water and wait for fish."
assert hits[0].attributes == {"year": 2024}, hits
filtered = client.vector_stores.search(
    store.id,
    query=["herons", "glaciers"],
    filters={"type": "and", "filters": [{"type": "gte", "key": "year", "value": 2024}]},
    ranking_options={"score_threshold": 0.0},
)
assert [hit.file_id for hit in filtered] == [file.id]

updated = client.vector_stores.files.update(
    file.id, vector_store_id=store.id, attributes={"year": 2025}
)
assert updated.attributes == {"year": 2025}, updated
content = client.vector_stores.files.content(file.id, vector_store_id=store.id)
assert "".join(part.text for part in content) == "Herons stand in shallow water and wait for fish."
listed = client.vector_stores.files.list(store.id, limit=1, filter="completed")
assert len(list(listed)) == 2, "the client pages through"

renamed = client.vector_stores.update(store.id, name="renamed")
assert renamed.name == "renamed"
assert [one.id for one in client.vector_stores.list()] == [store.id]

upload = client.uploads.create(
    bytes=48, filename="owls.txt", mime_type="text/plain", purpose="assistants"
)
assert upload.status == "pending" and upload.expires_at == upload.created_at + 3600, upload
parts = [
    client.uploads.parts.create(upload.id, data=half)
    for half in (b"Owls hunt in the dark ", b"and find mice by their ear")
]
assert all(part.upload_id == upload.id and part.object == "upload.part" for part in parts), parts
upload = client.uploads.complete(upload.id, part_ids=[part.id for part in parts])
assert upload.status == "completed" and upload.file.filename == "owls.txt", upload
owls = client.vector_stores.files.create_and_poll(upload.file.id, vector_store_id=store.id)
assert owls.status == "completed", owls
found = list(client.vector_stores.search(store.id, query="owls hunt mice"))
assert found[0].content[0].text == "Owls hunt in the dark and find mice by their ear", found

text = b"Every line of a long text is like the one before it.\n" * 10_000
chunked = client.uploads.upload_file_chunked(
    file=text,
    filename="lines.txt",
    bytes=len(text),
    mime_type="text/plain",
    purpose="assistants",
    part_size=100_000,
    md5=hashlib.md5(text).hexdigest(),
)
assert chunked.status == "completed" and chunked.file.bytes == len(text), chunked
assert client.files.content(chunked.file.id).read() == text
given_up = client.uploads.create(
    bytes=9, filename="never.txt", mime_type="text/plain", purpose="assistants"
)
assert client.uploads.cancel(given_up.id).status == "cancelled"

assert client.vector_stores.files.delete(file.id, vector_store_id=store.id).deleted
assert client.vector_stores.delete(store.id).deleted
assert client.files.delete(file.id).deleted
for call in (
    lambda: client.vector_stores.retrieve(store.id),
    lambda: client.files.retrieve(file.id),
):
    try:
        call()
    except openai.NotFoundError as error:
        assert error.request_id and "error" not in (error.body or {}), error.body
    else:
        raise AssertionError("what is deleted is still there")
try:
    client.vector_stores.create(name="x", metadata={"k" * 65: "v"})
except openai.BadRequestError as error:
    assert error.type == "invalid_request_error", error
else:
    raise AssertionError("a bad request went through")

print("all well")
