"""Stands between openai-python's own tests and a server.

Those tests were written for a mock that answers anything: their ids are fixed (`vs_abc123`, `file-abc123`,
`string`, ...). For each request this makes new things and puts their ids in; it changes nothing else, and
no answer. Usage: proxy.py BASE, with BASE like http://127.0.0.1:8787/v1; prints the port that it listens on.
"""

import hashlib
import http.client
import http.server
import json
import sys
import time
import urllib.parse
import uuid

BASE = urllib.parse.urlsplit(sys.argv[1])
TEXT = b"The heron waits in the shallow water."
PLACEHOLDERS = {
    "vector_stores": {"vs_abc123", "vector_store_id"},
    "files": {"file-abc123", "file_id", "string"},
    "file_batches": {"vsfb_abc123", "batch_id"},
    "uploads": {"upload_abc123"},
}
HOP_BY_HOP = {"host", "connection", "content-length", "transfer-encoding"}


def send(method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(BASE.hostname, BASE.port, timeout=120)
    connection.request(method, BASE.path + path, body, headers or {})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def made(method, path, body, content_type="application/json"):
    if content_type == "application/json":
        body = json.dumps(body).encode()
    answer, content = send(method, path, body, {"content-type": content_type})
    if answer.status != 200:
        raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
    return json.loads(content)


def form(field, filename, content):
    boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
        f'--{boundary}\r\ncontent-disposition: form-data; name="{field}"; filename="{filename}"\r\n'
        "content-type: text/plain\r\n\r\n"
    )
    body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def new_store():
    return made("POST", "/vector_stores", {})["id"]


def new_file():
    return made("POST", "/files", *form("file", "heron.txt", TEXT))["id"]


def new_batch(store):
    return made("POST", f"/vector_stores/{store}/file_batches", {"file_ids": [new_file()]})["id"]


def attached(store):
    file = new_file()
    asked = {"file_id": file, "attributes": {"key": "string"}}
    made("POST", f"/vector_stores/{store}/files", asked)
    for _ in range(600):
        answer, content = send("GET", f"/vector_stores/{store}/files/{file}")
        if json.loads(content)["status"] == "completed":
            return file
        time.sleep(0.02)
    raise RuntimeError("a file is not completed in time")


def new_upload(asked):
    """One that parts may be added to; where it is about to be completed, its part is the one asked for."""
    completes = isinstance(asked, dict) and "part_ids" in asked
    described = {
        "bytes": len(TEXT) if completes else 1 << 20,
        "filename": "heron.txt",
        "mime_type": "text/plain",
        "purpose": "assistants",
    }
    upload = made("POST", "/uploads", described)["id"]
    if completes:
        part = made("POST", f"/uploads/{upload}/parts", *form("data", "part", TEXT))
        asked["part_ids"] = [part["id"]]
        if "md5" in asked:
            asked["md5"] = hashlib.md5(TEXT).hexdigest()
    return upload


def is_placeholder(kind, text):
    return text in PLACEHOLDERS[kind]


def renamed(path, asked):
    """The path with ids of new things; `asked` is changed in place."""
    path, _, query = path.partition("?")
    parts = path.strip("/").split("/")
    resource, rest = parts[0], parts[1:]
    if resource == "vector_stores" and rest:
        if is_placeholder("vector_stores", rest[0]):
            parts[1] = new_store()
        store = parts[1]
        if rest[1:2] == ["files"] and rest[2:] and is_placeholder("files", rest[2]):
            parts[3] = attached(store)
        if rest[1:2] == ["file_batches"] and rest[2:] and is_placeholder("file_batches", rest[2]):
            parts[3] = new_batch(store)
        if rest[1:2] == ["search"]:
            attached(store)
    if resource == "files" and rest and is_placeholder("files", rest[0]):
        parts[1] = new_file()
    if resource == "uploads" and rest and is_placeholder("uploads", rest[0]):
        parts[1] = new_upload(asked)
    if resource == "vector_stores" and isinstance(asked, dict):
        if asked.get("file_ids") == ["string"]:
            asked["file_ids"] = [new_file()]
        if asked.get("file_id") in PLACEHOLDERS["files"]:
            asked["file_id"] = new_file()
        for file in asked.get("files") or []:
            if file.get("file_id") in PLACEHOLDERS["files"]:
                file["file_id"] = new_file()
    return "/" + "/".join(parts) + ("?" + query if query else "")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        whole = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def answer(self):
        body = self.body()
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        try:
            asked = json.loads(body)
        except ValueError:
            asked = None
        try:
            before = json.dumps(asked)
            path = renamed(self.path, asked)
            if json.dumps(asked) != before:
                body = json.dumps(asked).encode()
            answer, content = send(self.command, path, body or None, headers)
            status, told = answer.status, answer.getheaders()
        except Exception as error:
            path, status, told, content = self.path, 599, [], repr(error).encode()
        if status >= 400:
            print(self.command, path, status, content[:300], file=sys.stderr, flush=True)
        self.send_response(status)
        for name, value in told:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
