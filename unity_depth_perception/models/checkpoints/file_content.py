"""Kind of content of a file that should hold weights, from its first bytes."""

from __future__ import annotations

from pathlib import Path

from unity_depth_perception.core.errors import ModelError

_OTHERS = (
    (
        b"version https://git-lfs",
        "a git-lfs pointer in place of the weights; git lfs pull fetches them",
    ),
    (b"GGUF", "a GGUF file of a language model"),
    (b"\x89HDF", "an HDF5 file; export the weights as .safetensors"),
    (b"\x1f\x8b", "a gzip archive; unpack it"),
    (b"Rar!", "a RAR archive; unpack it"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it"),
)

_MOST_HEADER_BYTES = 100_000_000  # the limit of safetensors itself; the first bytes of any text are a larger number


def is_torch_file(path: Path) -> bool:
    """Whether a file is one of torch.save, whatever its name: a ZIP archive or a pickle."""
    head = _head(path)
    return head.startswith(b"PK\x03\x04") or (head.startswith(b"\x80") and not _is_safetensors(head))


def require_weights_content(path: Path) -> None:
    """Raise ModelError where a file is plainly something else than weights: a page, a git-lfs pointer, nothing."""
    head = _head(path)
    if not head:
        raise ModelError(f"{path}: expected weights, got an empty file; fetch it again")
    if _is_safetensors(head):
        return
    for signature, name in _OTHERS:
        if head.startswith(signature):
            raise ModelError(f"{path}: expected weights, got {name}")
    if head.lstrip()[:1] == b"<":
        raise ModelError(f"{path}: expected weights, got an HTML page that was saved in their place; download the file")
    if head.lstrip()[:1] == b"{":
        raise ModelError(f"{path}: expected weights, got a JSON file")


def _is_safetensors(head: bytes) -> bool:
    """Whether a file begins as safetensors does: 8 bytes with the size of its JSON header, and the header.

    The bytes of the size may be anything that text begins with: 31 520 is a space and "{".
    """
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _MOST_HEADER_BYTES


def _head(path: Path) -> bytes:
    try:
        if not path.is_file():  # a pipe would never end
            raise ModelError(f"{path}: expected a file of weights, but there is none")
        with path.open("rb") as file:
            return file.read(64)
    except OSError as error:
        raise ModelError(f"{path}: cannot read the weights: {error.strerror or error}") from None
