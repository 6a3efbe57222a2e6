"""Weights on disk under `tinker://MODEL/KIND/NAME`, written whole or not at all."""

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import UserError

KINDS = {"weights": "training", "sampler_weights": "sampler"}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")


class Checkpoints:
    """A folder with one folder a checkpoint: MODEL/KIND/NAME. Each has a `worker.json` that says what it is."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def uri(self, model_id: str, kind: str, name: str) -> str:
        return f"tinker://{model_id}/{kind}/{name}"

    def folder(self, uri: str, kind: str) -> Path:
        """Where a checkpoint lies. @raise UserError where there is none, or it is of another kind"""
        parts = uri.removeprefix("tinker://").split("/")
        if not uri.startswith("tinker://") or len(parts) != 3 or parts[1] not in KINDS:
            raise UserError(f"path {uri!r}: is no checkpoint; write tinker://MODEL/{kind}/NAME")
        if parts[1] != kind:
            raise UserError(f"path {uri!r}: holds {parts[1]}, {kind} are needed here; save them with the call for it")
        folder = self._of(uri)
        if not (folder / "worker.json").is_file():
            raise UserError(
                f"path {uri!r}: no such checkpoint on this worker; see GET training_runs/MODEL/checkpoints", 404
            )
        return folder

    def write(self, uri: str, about: dict[str, Any], fill: Callable[[Path], None], overwrite: bool) -> None:
        """Has `fill` write the files, and puts the folder in place. @raise UserError where the name is taken"""
        folder = self._of(uri)
        if folder.exists() and not overwrite:
            raise UserError(f"path {uri!r}: exists already; take another name, or set overwrite")
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            fill(temporary)
            (temporary / "worker.json").write_text(json.dumps({**about, "time": time.time()}, indent=1))
            for file in temporary.rglob("*"):
                _sync(file)
            if folder.exists():
                old = folder.with_name(f".{folder.name}-old-{os.getpid()}")
                folder.rename(old)
                temporary.rename(folder)
                shutil.rmtree(old)
            else:
                temporary.rename(folder)
            _sync(folder.parent)
        except OSError as error:
            raise UserError(
                f"path {uri!r}: cannot be written: {error}; free space or choose another --checkpoints"
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def about(self, folder: Path) -> dict[str, Any]:
        about: dict[str, Any] = json.loads((folder / "worker.json").read_text())
        return about

    def remove(self, uri: str) -> None:
        shutil.rmtree(self._of(uri), ignore_errors=True)

    def of(self, model_id: str) -> list[dict[str, Any]]:
        """A model's checkpoints as the SDK lists them."""
        found = []
        for kind, word in KINDS.items():
            for file in sorted(self._at(model_id, kind, "x").parent.glob("[!.]*/worker.json")):
                folder = file.parent
                size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
                found.append(
                    {
                        "checkpoint_id": f"{kind}/{folder.name}",
                        "checkpoint_type": word,
                        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.about(folder)["time"])),
                        "tinker_path": self.uri(model_id, kind, folder.name),
                        "size_bytes": size,
                        "public": False,
                    }
                )
        return found

    def _of(self, uri: str) -> Path:
        model_id, kind, name = uri.removeprefix("tinker://").split("/", 2)
        return self._at(model_id, kind, name)

    def _at(self, model_id: str, kind: str, name: str) -> Path:
        if not NAME.match(name):
            raise UserError(f"path {name!r}: is no name for a checkpoint; use letters, digits, '.', '_' and '-'")
        model = model_id.replace(":", "_")
        if not NAME.match(model):
            raise UserError(f"model_id {model_id!r}: is no name for a folder; use the one that create_model gave", 404)
        return self.root / model / kind / name


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
