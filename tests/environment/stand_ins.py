"""A package index on 127.0.0.1 with a small stand-in wheel for every package of the lock.

Each package is offered in the lock's version and in a much later one, as on some later day.
"""

import base64
import hashlib
import io
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LATER = "9999.0"
# A build backend of a few lines: what an editable installation asks setuptools for.
_BACKEND = """
import zipfile
def get_requires_for_build_editable(config_settings=None):
    return []
def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "stand_in_project-1.0-py3-none-any.whl"
    info = "stand_in_project-1.0.dist-info/"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as archive:
        archive.writestr(info + "METADATA",
            "Metadata-Version: 2.1\\nName: stand-in-project\\nVersion: 1.0\\n")
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\n"
            "Generator: stand-in\\nTag: py3-none-any\\n")
        archive.writestr(info + "RECORD", f"{info}METADATA,,\\n{info}WHEEL,,\\n{info}RECORD,,\\n")
    return name
"""


def wheel(name, version, needs=(), tag="py3-none-any"):
    """Return the file name and the bytes of a wheel without code, but for setuptools."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        "Provides-Extra: toml\n" + "".join(f"Requires-Dist: {need}\n" for need in needs),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: stand-in\nRoot-Is-Purelib: true\n"
        f"Tag: {tag}\n",
    }
    if name == "setuptools":
        files["setuptools/__init__.py"] = ""
        files["setuptools/build_meta.py"] = _BACKEND
    rows = [f"{path},sha256={_urlsafe(text.encode())},{len(text)}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)  # without the time of day
    return f"{module}-{version}-{tag}.whl", stream.getvalue()


def _urlsafe(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Index:
    """Packages by file name, served as a simple index."""

    def __init__(self):
        self.files = {}
        self.asked = []
        self.with_hashes = True
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                index.asked.append(self.path)
                content = index.answer(self.path)
                self.send_response(404 if content is None else 200)
                kind = "octet-stream" if self.path.endswith(".whl") else "html"
                main = "application" if kind == "octet-stream" else "text"
                self.send_header("Content-Type", f"{main}/{kind}")
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/simple"

    def add(self, name, version, needs=(), tag="py3-none-any"):
        """Offer a stand-in; return its SHA-256."""
        file, content = wheel(name, version, needs, tag)
        self.files[file] = content
        return sha256(content)

    def answer(self, path):
        path = path.replace("%2B", "+")
        if path.startswith("/files/"):
            return self.files.get(path.removeprefix("/files/"))
        package = path.removeprefix("/simple/").strip("/").replace("-", "_")
        found = [file for file in self.files if file.split("-")[0] == package]
        links = "".join(
            f'<a href="/files/{file.replace("+", "%2B")}'
            f'{"#sha256=" + sha256(self.files[file]) if self.with_hashes else ""}">{file}</a>\n'
            for file in found
        )
        return f"<!DOCTYPE html><html><body>{links}</body></html>".encode() if found else None

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def requirements(lock):
    """Return (pin, marker, packages that need it) of every requirement of a lock file."""
    for block in re.split(r"(?m)^(?=[A-Za-z0-9])", lock):
        head = re.match(r"([\w.-]+)==(\S+)(?: ; ([^\\\n]+?))? \\\n", block)
        if head:
            via = re.search(r"# via((?:\n?\s+#?\s+[\w. -]+)+)", block)
            names = re.findall(r"[\w.-]+", via[1]) if via else []
            yield head[1], head[2], head[3] or "", [name for name in names if name[0] != "-"]


def fill(index, lock):
    """Offer every package of a lock, and a later one of each; return the lock of the stand-ins."""
    rows = list(requirements(lock))
    needs = {name: set() for name, _, _, _ in rows}
    for name, _, marker, via in rows:
        for other in via:
            if other in needs:
                needs[other].add(f"{name} ; {marker}" if marker else name)
    # What old versions of pip resolved against the index although the lock pins it.
    needs["pytest-cov"].add("coverage[toml] >= 7.10.6")
    lines = []
    for name, version, marker, _ in rows:
        digest = index.add(name, version, sorted(needs[name]))
        index.add(name, LATER, sorted(needs[name]))
        condition = f" ; {marker}" if marker else ""
        lines.append(f"{name}=={version}{condition} \\\n    --hash=sha256:{digest}\n")
    return "".join(lines)
