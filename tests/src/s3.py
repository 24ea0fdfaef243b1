"""An S3 on a free port of loopback: moto, with every signature checked and one request at a time,
so that conditional writes are atomic. Prints its port and its keys as one line of JSON, then
answers each line of JSON on standard input with one, and ends with that input.
"""

import io
import json
import os
import sys
import threading
from urllib.parse import parse_qsl, urlencode

os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "0"

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

REGION = "us-east-1"
REFUSED = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SignatureDoesNotMatch</Code>'
    b"<Message>The request signature does not match.</Message></Error>"
)


class OneAtATime:
    """Reads a request whole, answers it alone, and holds nobody up while it is sent."""

    def __init__(self, app):
        self.app = app
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        stream = environ["wsgi.input"]
        length = environ.get("CONTENT_LENGTH")
        chunked = environ.get("HTTP_TRANSFER_ENCODING") == "chunked"
        body = stream.read() if chunked else stream.read(int(length or 0))
        if length and len(body) < int(length):
            return refuse(start_response, "400 Bad Request", b"")
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        with self.lock:
            answer = self.app(environ, start_response)
            try:
                return [b"".join(answer)]
            finally:
                if hasattr(answer, "close"):
                    answer.close()


class Presigned:
    """moto checks signatures in headers alone: one in the query is checked here, and the request
    passed on with its signature in the header, for moto to check the permissions."""

    def __init__(self, app, secrets):
        self.app = app
        self.secrets = secrets

    def __call__(self, environ, start_response):
        query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
        given = query.pop("X-Amz-Signature", None)
        if given is None:
            return self.app(environ, start_response)
        key = query.get("X-Amz-Credential", "").split("/")[0]
        credentials = Credentials(key, self.secrets.get(key, ""), query.get("X-Amz-Security-Token"))
        if given != signature_in_query(environ, query, credentials):
            return refuse(start_response, "403 Forbidden", REFUSED)
        plain = {name: value for name, value in query.items() if not name.startswith("X-Amz-")}
        environ["QUERY_STRING"] = urlencode(plain)
        request = aws_request(environ, urlencode(plain), {"host": environ["HTTP_HOST"]})
        S3SigV4Auth(credentials, "s3", REGION).add_auth(request)
        for name, value in request.headers.items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value
        return self.app(environ, start_response)


def signature_in_query(environ, query, credentials):
    names = query.get("X-Amz-SignedHeaders", "").split(";")
    headers = {name: header(environ, name) for name in names}
    if "host" not in names or None in headers.values():
        return None
    request = aws_request(environ, urlencode(query), headers)
    request.context["timestamp"] = query.get("X-Amz-Date", "")
    auth = S3SigV4QueryAuth(credentials, "s3", REGION)
    return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)


def aws_request(environ, query, headers):
    path = environ["REQUEST_URI"].partition("?")[0]
    url = f"http://{environ['HTTP_HOST']}{path}" + (f"?{query}" if query else "")
    return AWSRequest(environ["REQUEST_METHOD"], url, headers=headers)


def header(environ, name):
    name = name.upper().replace("-", "_")
    return environ.get(name) if name == "CONTENT_TYPE" else environ.get(
        name if name == "CONTENT_LENGTH" else f"HTTP_{name}"
    )


def refuse(start_response, status, body):
    start_response(status, [("content-type", "application/xml"), ("content-length", str(len(body)))])
    return [body]


class Quiet(MotoRequestHandler):
    def log(self, *_):
        pass


def allow(name, actions):
    """A user who may do `actions`, and a key of theirs."""
    iam = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
    iam.create_user(REGION, name)
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_user_policy(name, "allowed", json.dumps(policy))
    key = iam.create_access_key(name)
    return {"id": key.access_key_id, "secret": key.secret_access_key}


def command(store, asked):
    name = asked["bucket"]
    match asked["do"]:
        case "create":
            store.create_bucket(name, REGION)
            return {}
        case "remove":
            bucket = store.buckets[name]
            for key in list(bucket.keys.values()):
                key.dispose()
            bucket.keys = type(bucket.keys)()
            store.delete_bucket(name)
            return {}
        case "delete":
            keys = store.buckets[name].keys
            if asked["key"] in keys:
                keys.pop(asked["key"])
            return {}
        case "keys":
            return {"names": sorted(store.buckets[name].keys.keys())}
        case "unfinished":
            return {"names": sorted(part.key_name for part in store.buckets[name].multiparts.values())}
    raise ValueError(asked)


def main():
    writer = allow("writer", ["s3:*"])
    reader = allow("reader", ["s3:Get*", "s3:List*", "s3:Head*"])
    secrets = {key["id"]: key["secret"] for key in (writer, reader)}
    store = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    app = OneAtATime(Presigned(create_backend_app("s3"), secrets))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_port, "writer": writer, "reader": reader}), flush=True)
    for line in sys.stdin:
        with app.lock:
            answer = command(store, json.loads(line))
        print(json.dumps(answer), flush=True)


main()
