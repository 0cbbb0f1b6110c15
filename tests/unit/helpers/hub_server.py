"""A real HTTP server on loopback that speaks as much of the Hugging Face Hub's API as its client asks for."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

import huggingface_hub.constants
import pytest
from upstream_server import Handler, Server, running, serve

LFS = (
    ".parquet",
    ".safetensors",
    ".tar.gz",
)  # stored apart: their hash is in the metadata, and they come by a redirect


class Hub(Server):
    """``repositories`` is {"datasets/owner/name": {path: content}}; a commit is the hash of what a repository holds.

    ``next`` and ``asked`` as of ``Server``; a large file is asked for under ``/cdn/REPOSITORY/PATH``. ``gated`` holds
    repositories that want the token ``hf_good``; ``refs`` {(repository, ref): commit} for what is not the main branch.
    """

    def __init__(self) -> None:
        super().__init__(HubHandler)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.history: dict[tuple[str, str], dict[str, bytes]] = {}
        self.refs: dict[tuple[str, str], str] = {}
        self.gated: set[str] = set()
        self.endpoint = f"http://127.0.0.1:{self.server_port}"

    def commit(self, repository: str) -> str:
        files = self.repositories[repository]
        commit = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.history[repository, commit] = dict(files)
        return commit

    def put(self, repository: str, **files: bytes) -> str:
        self.repositories.setdefault(repository, {}).update(files)
        return self.commit(repository)


class HubHandler(BaseHTTPRequestHandler):
    server: Hub
    log_message = Handler.log_message

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append((f"{self.command} {path}", self.headers.get("Range")))
        if self.server.next[path]:
            self.server.next[path].pop(0)(self, self.content(path))
        elif path.startswith("/api/"):
            self.metadata(path.removeprefix("/api/"))
        elif path.startswith("/cdn/"):
            self.send(self.content(path))
        else:
            self.file(path)

    def content(self, path: str) -> bytes:
        """What a large file's place holds, b"" for any other path."""
        if not path.startswith("/cdn/"):
            return b""
        _, _, kind, owner, repository, commit, name = path.split("/", 6)
        return self.server.history[f"{kind}/{owner}/{repository}", commit][name]

    def allowed(self, repository: str) -> bool:
        if repository not in self.server.repositories:
            self.refuse(401 if "Authorization" not in self.headers else 404, "RepoNotFound")
        elif repository in self.server.gated and self.headers.get("Authorization") != "Bearer hf_good":
            self.refuse(401, "GatedRepo")
        else:
            return True
        return False

    def refuse(self, code: int, name: str) -> None:
        self.send_response(code)
        self.send_header("X-Error-Code", name)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def found(self, repository: str, revision: str) -> str | None:
        """Return the commit of a revision."""
        if revision == "main":
            return self.server.commit(repository)
        revision = self.server.refs.get((repository, revision), revision)
        return revision if (repository, revision) in self.server.history else None

    def metadata(self, path: str) -> None:
        kind, owner, name, *rest = path.split("/")
        repository = f"{kind}/{owner}/{name}"
        if not self.allowed(repository):
            return
        commit = self.found(repository, "/".join(rest[1:]) or "main")
        if commit is None:
            self.refuse(404, "RevisionNotFound")
            return
        siblings = [self.entry(*file) for file in self.server.history[repository, commit].items()]
        body = {"_id": "1", "id": f"{owner}/{name}", "sha": commit, "private": False, "siblings": siblings}
        self.send(json.dumps(body).encode(), "application/json")

    def entry(self, name: str, content: bytes) -> dict[str, object]:
        entry: dict[str, object] = {
            "rfilename": name,
            "size": len(content),
            "blobId": hashlib.sha1(content).hexdigest(),
        }
        if name.endswith(LFS):
            entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
        return entry

    def file(self, path: str) -> None:
        """Answer ``/OWNER/NAME/resolve/REVISION/PATH``: with the file, or a redirect to where a large one lies."""
        first, _, rest = path.lstrip("/").partition("/resolve/")
        repository = first if first.startswith("datasets/") else f"models/{first}"
        if not self.allowed(repository):
            return
        revision, _, name = rest.partition("/")
        commit = self.found(repository, revision)
        if commit is None:
            self.refuse(404, "RevisionNotFound")
            return
        content = self.server.history[repository, commit].get(name)
        if content is None:
            self.refuse(404, "EntryNotFound")
            return
        headers = {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha1(content).hexdigest()}"'}
        if name.endswith(LFS):
            headers |= {
                "Location": f"http://localhost:{self.server.server_port}/cdn/{repository}/{commit}/{name}",
                "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"',
                "X-Linked-Size": str(len(content)),
            }
            self.send(b"", status=302, **headers)
        else:
            self.send(content, **headers)

    def send(self, content: bytes, kind: str = "application/octet-stream", status: int = 200, **headers: str) -> None:
        if self.path.startswith("/cdn/"):
            serve(self, content)  # type: ignore[arg-type]  # with ranges
            return
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


@contextmanager
def running_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub that this process's client talks to, and the processes that it starts."""
    with running(Hub()) as hub:
        places = "{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.endpoint)
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{hub.endpoint}/{places}")
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)  # what measures speed in this process sets it
        yield hub
