"""Write an archive that ``docker load`` reads: layers, and the settings of the images made from them.

The format is that of ``docker save``. Equal input gives equal bytes, so that an image keeps its identity
wherever and whenever it is built.
Source: https://github.com/moby/docker-image-spec/blob/main/v1.2.md
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

# The moment that all files and images made here carry: any fixed one will do.
EPOCH = 1_767_225_600
CREATED = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class Layer:
    """A tar file and the digest of its bytes, which is its name in the archive."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class Image:
    """One image: a tag, its layers from the bottom up, and what ``docker run`` does with it.

    ``created`` is RFC 3339 in UTC: the age of the image as the engine reports it. ``environment``: what a container
    has beside PATH where it is given nothing else, each as KEY=value.
    """

    tag: str
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...]
    user: str = ""
    created: str = CREATED
    environment: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def config(self) -> bytes:
        """The image's configuration, whose digest is the image's id."""
        return _json(
            {
                "architecture": "amd64",
                "os": "linux",
                "created": self.created,
                "config": {
                    "User": self.user,
                    "Entrypoint": list(self.entrypoint),
                    "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *self.environment],
                    "WorkingDir": "/",
                    "Labels": dict(self.labels),
                },
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.sha256}" for layer in self.layers]},
                "history": [{"created": self.created, "created_by": "tests/images"} for _ in self.layers],
            }
        )


def file_layer(path: Path) -> Layer:
    """A layer from a tar file that exists."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return Layer(path, digest.hexdigest())


def tree_layer(sources: Sequence[Path], destination: Path, extra: Mapping[str, bytes] = MappingProxyType({})) -> Layer:
    """Write the trees, one over the other, and the ``extra`` files (path: content) as a layer owned by root."""
    with tarfile.open(destination, "w") as tar:
        for source in sources:
            for path in sorted(source.rglob("*")):
                if path.is_file():
                    mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                    _add(tar, str(path.relative_to(source)), path.read_bytes(), mode)
        for name, content in sorted(extra.items()):
            _add(tar, name, content, 0o644)
    return file_layer(destination)


def write_archive(images: Sequence[Image], destination: Path) -> None:
    """Write the images into one archive; a layer that several share is in it once."""
    partial = destination.with_name(f".{destination.name}.partial")
    with tarfile.open(partial, "w") as tar:
        for layer in {layer.sha256: layer for image in images for layer in image.layers}.values():
            info = tar.gettarinfo(str(layer.path), f"{layer.sha256}/layer.tar")
            with layer.path.open("rb") as file:
                tar.addfile(_anonymous(info), file)
        manifest = []
        for image in images:
            config = image.config()
            name = f"{hashlib.sha256(config).hexdigest()}.json"
            _add(tar, name, config, 0o644)
            layers = [f"{layer.sha256}/layer.tar" for layer in image.layers]
            manifest.append({"Config": name, "RepoTags": [image.tag], "Layers": layers})
        _add(tar, "manifest.json", _json(manifest), 0o644)
    partial.replace(destination)


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = len(content), mode, EPOCH
    tar.addfile(info, io.BytesIO(content))


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode, info.mtime = 0o644, EPOCH
    return info
