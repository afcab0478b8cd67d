"""What the browser loads: read once, served under the digest of the whole, so never stale."""

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
_OURS = HERE / "assets"
_VENDOR = "vendor"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """The bytes of one file, the same compressed, and their media type."""

    body: bytes
    gzipped: bytes
    media_type: str

    @classmethod
    def of(cls, body: bytes, media_type: str) -> "Asset":
        """Compressed once, as hard as it goes: it is sent to everybody."""
        return cls(body, gzip.compress(body, 9, mtime=0), media_type)


@dataclass(frozen=True, slots=True)
class Assets:
    """Every file by its path below `/assets/<digest>/`; scripts import each other relatively."""

    files: Mapping[str, Asset]
    digest: str
    missing: tuple[str, ...]

    def address(self, path: str) -> str:
        """The address of a file, which changes whenever any file does."""
        return f"/assets/{self.digest}/{path}"


def vendor_files() -> dict[str, str]:
    """The libraries' files: name below `assets/vendor/` -> path below `node_modules/`."""
    listed: dict[str, str] = json.loads((HERE / "vendor.json").read_text("utf-8"))
    return listed


def load(root: Path = _OURS) -> Assets:
    """Read every asset; `missing` names the libraries' files that set-up has not brought yet."""
    files = {
        path.relative_to(root).as_posix(): Asset.of(path.read_bytes(), _MEDIA_TYPES[path.suffix])
        for path in sorted(root.rglob("*"))
        if path.suffix in _MEDIA_TYPES
    }
    digest = hashlib.sha256()
    for name, asset in files.items():
        digest.update(f"{name}\0{len(asset.body)}\0".encode() + asset.body)
    wanted = (f"{_VENDOR}/{name}" for name in vendor_files())
    missing = tuple(name for name in wanted if name not in files)
    return Assets(files, digest.hexdigest()[:16], missing)
