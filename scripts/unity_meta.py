#!/usr/bin/env python3
"""Write the .meta files of the Unity package that are missing, and delete those whose file is gone.

Unity ignores a file without .meta in a package that was installed by git. The GUID in it is what scenes refer to: it is
made from the path once and kept, so move a .meta along with its file.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "unity"
_SEED = "org.unitydepthperception.camera/"
_TAIL = "  userData: \n  assetBundleName: \n  assetBundleVariant: \n"
_MONO = "  serializedVersion: 2\n  defaultReferences: []\n  executionOrder: 0\n  icon: {instanceID: 0}\n"

_IMPORTERS = {
    ".cs": ("MonoImporter", _MONO),
    ".asmdef": ("AssemblyDefinitionImporter", ""),
    ".shader": ("ShaderImporter", "  defaultTextures: []\n  nonModifiableTextures: []\n"),
    ".md": ("TextScriptImporter", ""),
    ".unity": ("DefaultImporter", ""),
}


def imported(package: Path) -> Iterator[Path]:
    """Files and folders that Unity imports, samples included (they are copied into the project with their .meta)."""
    for path in sorted(package.rglob("*")):
        parts = path.relative_to(package).parts
        if path.suffix == ".meta" or any(part.startswith(".") for part in parts):
            continue
        hidden = [part for part in parts if part.endswith("~")]
        if not hidden or (hidden == ["Samples~"] and len(parts) > 1):
            yield path


def meta_of(path: Path) -> Path:
    """Where the .meta of a file or folder lies."""
    return path.with_name(f"{path.name}.meta")


def meta_text(path: Path, package: Path) -> str:
    """The content of a new .meta.

    Raises:
        ValueError: it is not known how Unity imports such a file.
    """
    guid = hashlib.md5((_SEED + path.relative_to(package).as_posix()).encode(), usedforsecurity=False).hexdigest()
    head = f"fileFormatVersion: 2\nguid: {guid}\n"
    if path.is_dir():
        return f"{head}folderAsset: yes\nDefaultImporter:\n  externalObjects: {{}}\n{_TAIL}"
    if path.name == "package.json":
        return f"{head}PackageManifestImporter:\n  externalObjects: {{}}\n{_TAIL}"
    if path.suffix not in _IMPORTERS:
        raise ValueError(f"{path}: expected a file of {', '.join(_IMPORTERS)}; tell scripts/unity_meta.py its importer")
    importer, settings = _IMPORTERS[path.suffix]
    return f"{head}{importer}:\n  externalObjects: {{}}\n{settings}{_TAIL}"


def orphans(package: Path) -> list[Path]:
    """The .meta files whose file or folder is gone."""
    return [meta for meta in sorted(package.rglob("*.meta")) if not meta.with_suffix("").exists()]


def main() -> None:
    """Bring all .meta files up to date."""
    for meta in orphans(PACKAGE):
        meta.unlink()
        print(f"deleted {meta.relative_to(PACKAGE)}", file=sys.stderr)
    for path in imported(PACKAGE):
        if not meta_of(path).exists():
            meta_of(path).write_text(meta_text(path, PACKAGE), encoding="utf-8", newline="\n")
            print(f"wrote {meta_of(path).relative_to(PACKAGE)}", file=sys.stderr)


if __name__ == "__main__":
    main()
