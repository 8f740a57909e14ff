"""The file: the same tree gives the same bytes, and no byte can differ without an error."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from resumeproof.algo.checkpoint import (
    CheckpointError,
    DamagedCheckpoint,
    ForeignCheckpoint,
    MismatchedCheckpoint,
    NewerCheckpoint,
    UnsupportedValue,
    read,
    verify,
    write,
)
from resumeproof.algo.checkpoint.file import migrations as migrations_module
from resumeproof.algo.checkpoint.file.archive import ENTRIES, SEAL_SIZE, Layout, checksum
from stable_baselines3 import PPO

TREE = {
    "weights": torch.arange(3, dtype=torch.bfloat16),
    "steps": np.arange(4, dtype=np.int16),
    "pair": (1, float("nan")),
}


@cache
def saved() -> bytes:
    """Return the bytes of a small checkpoint."""
    file = io.BytesIO()
    write(file, TREE, kind="Example")
    return file.getvalue()


def outcome(data: bytes) -> str:
    """Return the name of the error that reading `data` ends with; any other error escapes."""
    try:
        read(io.BytesIO(data))
    except CheckpointError as error:
        return type(error).__name__
    return "accepted"


def assemble(entries: list[bytes]) -> bytes:
    """Return a file with a right layout, right hashes and a right seal around these entries."""
    manifest = entries[0]
    if b"0" * 64 in manifest:  # a manifest that asks for the true hashes
        content = json.loads(manifest)
        for name, entry in zip(ENTRIES[1:], entries[1:], strict=True):
            digest = hashlib.sha256(entry).hexdigest()
            content["entries"][name] = {"length": len(entry), "sha256": digest}
        manifest = json.dumps(content).encode()
    entries = [manifest, *entries[1:]]
    lengths = tuple(map(len, entries))
    layout = Layout(lengths=lengths, sums=tuple(checksum([entry]) for entry in entries))
    pairs = zip(layout.headers(), entries, strict=True)
    seal = hashlib.sha256(b"".join(layout.headers()) + manifest + layout.tail()).hexdigest()
    body = b"".join(header + entry for header, entry in pairs)
    return body + layout.tail() + seal.encode()


def taken_apart() -> list[bytes]:
    """Return the three entries of the small checkpoint, the manifest without hashes."""
    with zipfile.ZipFile(io.BytesIO(saved())) as archive:
        entries = [archive.read(name) for name in ENTRIES]
    manifest = json.loads(entries[0])
    for entry in manifest["entries"].values():
        entry["sha256"] = "0" * 64
    return [json.dumps(manifest).encode(), *entries[1:]]


def with_manifest(**changes: Any) -> bytes:
    """Return a file with right hashes whose manifest has other values."""
    entries = taken_apart()
    return assemble([json.dumps({**json.loads(entries[0]), **changes}).encode(), *entries[1:]])


def with_zip(change: Callable[[zipfile.ZipFile], object]) -> bytes:
    """Return the checkpoint after the zip library appended to it."""
    file = io.BytesIO(saved())
    with zipfile.ZipFile(file, "a") as archive:
        change(archive)
    return file.getvalue()


def rezipped(names: list[str], **options: Any) -> bytes:
    """Return the three entries as another zip, in the given order and under the given names."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved())) as old, zipfile.ZipFile(file, "w", **options) as new:
        for name, entry in zip(names, old.namelist(), strict=True):
            new.writestr(name, old.read(entry))
        new.comment = old.comment
    return file.getvalue()


def test_tree_comes_back_from_memory_and_from_disk(tmp_path: Path) -> None:
    """A path, a text and a file object give the same bytes and the same tree."""
    write(tmp_path / "a", TREE, kind="Example")
    write(str(tmp_path / "b.zip"), TREE, kind="Example")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b.zip").read_bytes() == saved()
    for source in (tmp_path / "a", str(tmp_path / "b.zip"), io.BytesIO(saved())):
        manifest, tree = read(source)
        assert (manifest["kind"], manifest["version"], manifest["format"]) == (
            "Example",
            migrations_module.FORMAT_VERSION,
            "resumeproof checkpoint",
        )
        assert torch.equal(tree["weights"], TREE["weights"])
        np.testing.assert_array_equal(tree["steps"], TREE["steps"], strict=True)
        assert str(tree["pair"]) == "(1, nan)"


def test_saving_again_gives_the_same_bytes() -> None:
    """Saving what was loaded gives the file that was loaded, byte for byte."""
    file = io.BytesIO()
    write(file, read(io.BytesIO(saved()))[1], kind="Example")
    assert file.getvalue() == saved()


def test_manifest_tells_versions_and_environment() -> None:
    """The manifest names what wrote the file and what changes bits from machine to machine."""
    manifest = verify(io.BytesIO(saved()))
    assert {"python", "torch", "numpy", "gymnasium"} <= set(manifest["libraries"])
    assert {"machine", "threads", "deterministic_algorithms"} <= set(manifest["environment"])
    assert list(manifest["entries"]) == list(ENTRIES[1:])


def test_zip_and_safetensors_libraries_read_the_file() -> None:
    """The file is an ordinary zip of stored entries, and its tensors are ordinary safetensors."""
    with zipfile.ZipFile(io.BytesIO(saved())) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == list(ENTRIES)
        tensors = safetensors.torch.load(archive.read(ENTRIES[2]))
    assert torch.equal(tensors["0"], TREE["weights"])
    assert tensors["1"].tolist() == [0, 1, 2, 3]


def test_loaded_memory_is_aligned_and_its_own() -> None:
    """Arrays of any length begin at an aligned address, are writable, and share nothing."""
    file = io.BytesIO()
    write(file, [torch.ones(size) for size in (3, 16, 5, 32, 1)], kind="Example")
    first, second = read(file)[1], read(file)[1]
    assert all(tensor.data_ptr() % 64 == 0 for tensor in first)
    for tensor in first:
        tensor.zero_()
    assert all(tensor.min() == 1 for tensor in second)


def test_nothing_is_written_for_an_unsupported_value(tmp_path: Path) -> None:
    """A tree that cannot be stored leaves the old file and no trace."""
    path = tmp_path / "a.zip"
    path.write_bytes(b"old")
    with pytest.raises(UnsupportedValue, match=r"state\['x'\] is a builtins.object"):
        write(path, {"x": object()}, kind="Example")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zip"]
    assert path.read_bytes() == b"old"


def test_every_flipped_byte_is_detected() -> None:
    """Whichever byte is altered, by one bit or by all, reading ends with one of our errors."""
    data, missed = saved(), []
    for place in range(len(data)):
        for mask in (0x01, 0xFF):
            changed = data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]
            if outcome(changed) not in ("DamagedCheckpoint", "ForeignCheckpoint"):
                missed.append((place, mask))
    total = 2 * len(data)
    assert not missed, f"{total - len(missed)} of {total} flips detected; missed {missed[:9]}"


def test_every_truncation_is_detected() -> None:
    """However many bytes remain, at the end or at the beginning, the file is refused."""
    data = saved()
    pieces = [data[:size] for size in range(len(data))] + [data[n:] for n in range(1, len(data))]
    missed = sum(outcome(piece) == "accepted" for piece in pieces)
    assert missed == 0, f"{len(pieces) - missed} of {len(pieces)} truncations detected"


ARRAY = '{"0":{"dtype":"U8","shape":[1],"data_offsets":[%s]}}'


def payload_of(header: str, data: bytes) -> bytes:
    """Return a safetensors file with this header."""
    return len(header).to_bytes(8, "little") + header.encode() + data


def swapped() -> bytes:
    """Return the payload of another checkpoint inside this one, hashes left as they were."""
    entries = taken_apart()
    file = io.BytesIO()
    write(file, {**TREE, "steps": np.arange(4, dtype=np.int16) + 1}, kind="Example")
    with zipfile.ZipFile(file) as archive:
        return assemble([archive.read(ENTRIES[0]), *entries[1:]])


def with_symlink() -> bytes:
    """Return the checkpoint whose central directory calls the state a symbolic link."""
    data, mode = bytearray(saved()), (0o100644 << 16).to_bytes(4, "little")
    place = data.rindex(mode)
    data[place : place + 4] = (0o120777 << 16).to_bytes(4, "little")
    return bytes(data)


PRESENT = migrations_module.FORMAT_VERSION
REFUSED: dict[str, tuple[Callable[[], bytes], type[CheckpointError], str]] = {
    "empty": (lambda: b"", ForeignCheckpoint, r"a file that begins b''.*check the path"),
    "text": (lambda: b"hello" * 99, ForeignCheckpoint, r"a file that begins b'hello"),
    "pickle": (lambda: b"\x80\x04N.", ForeignCheckpoint, r"a file that begins"),
    "prefix": (lambda: b"x" + saved(), DamagedCheckpoint, r"bytes were lost, added"),
    "suffix": (lambda: saved() + b"x", DamagedCheckpoint, r"cut off or altered"),
    "twice": (lambda: saved() * 2, DamagedCheckpoint, r"bytes were lost, added"),
    "swapped payload": (swapped, DamagedCheckpoint, r"tensors.safetensors: expected .* SHA-256"),
    "symbolic link": (with_symlink, DamagedCheckpoint, r"another zip structure"),
    "another order": (
        lambda: rezipped([ENTRIES[1], ENTRIES[0], ENTRIES[2]]), DamagedCheckpoint, r"expected"
    ),
    "compressed": (
        lambda: rezipped(list(ENTRIES), compression=zipfile.ZIP_DEFLATED), DamagedCheckpoint,
        r"expected",
    ),
    "path outside": (
        lambda: rezipped([ENTRIES[0], "../state.json", ENTRIES[2]]), DamagedCheckpoint, r"expected"
    ),
    "extra entry": (
        lambda: with_zip(lambda z: z.writestr("x", "")), DamagedCheckpoint, r"expected"
    ),
    "unsealed": (
        lambda: saved()[:-SEAL_SIZE] + b"0" * SEAL_SIZE, DamagedCheckpoint, r"with the seal"
    ),
    "newer": (
        lambda: with_manifest(version=PRESENT + 1, libraries={"resumeproof": "9.1"}),
        NewerCheckpoint,
        f"format version {PRESENT + 1}, expected at most {PRESENT}; upgrade resumeproof to 9.1",
    ),
    "version zero": (lambda: with_manifest(version=0), DamagedCheckpoint, r"from 1 on .* got 0"),
    "version true": (lambda: with_manifest(version=True), DamagedCheckpoint, r"got True"),
    "another format": (lambda: with_manifest(format="x"), DamagedCheckpoint, r"the format"),
    "unknown manifest key": (lambda: with_manifest(x=1), DamagedCheckpoint, r"the keys"),
    "kind of a wrong type": (lambda: with_manifest(kind=1), DamagedCheckpoint, r"'kind' as str"),
    "manifest list": (
        lambda: assemble([b"[]", *taken_apart()[1:]]), DamagedCheckpoint, r"the format"
    ),
    "manifest repeats": (
        lambda: assemble([b'{"a":1,"a":1}', *taken_apart()[1:]]), DamagedCheckpoint, r"repeated key"
    ),
    "state no JSON": (
        lambda: assemble([taken_apart()[0], b"{", taken_apart()[2]]), DamagedCheckpoint,
        r"state.json: expected strict JSON",
    ),
    "state NaN": (
        lambda: assemble([taken_apart()[0], b"NaN", taken_apart()[2]]), DamagedCheckpoint,
        r"the constant NaN",
    ),
    "state bottomless": (
        lambda: assemble([taken_apart()[0], b"[" * 10**6, taken_apart()[2]]), DamagedCheckpoint,
        r"state.json: expected strict JSON",
    ),
    "state number without end": (
        lambda: assemble([taken_apart()[0], b"9" * 10**5, taken_apart()[2]]), DamagedCheckpoint,
        r"state.json: expected strict JSON",
    ),
    "state of another payload": (
        lambda: assemble([taken_apart()[0], b"{}", taken_apart()[2]]), DamagedCheckpoint,
        r"every array to be used",
    ),
    "unregistered code": (
        lambda: assemble([taken_apart()[0], b'{"$name":"os.system"}', taken_apart()[2]]),
        MismatchedCheckpoint, r"'os.system', expected one of \[\]",
    ),
    **{
        f"payload {name}": (
            lambda payload=payload: assemble([*taken_apart()[:2], payload]), DamagedCheckpoint,
            rf"tensors.safetensors: expected .*{text}",
        )
        for name, (payload, text) in {
            "empty": (b"", "a header within 0 bytes"),
            "huge header": ((2**62).to_bytes(8, "little") + b"{}", "that ends at"),
            "no JSON": (payload_of("{x", b""), "strict JSON"),
            "list": (payload_of("[]", b""), "AttributeError"),
            "extra bytes": (payload_of("{}", b"x"), "bytes of arrays"),
            "gap": (payload_of(ARRAY % "1,2", b"xx"), "offsets"),
            "overlap": (payload_of(ARRAY % "0,2", b"xx"), "offsets"),
            "extra key": (payload_of(ARRAY % '0,1],"x":[', b"x"), "offsets"),
            "huge shape": (payload_of(ARRAY.replace("[1]", "[9e9]") % "0,1", b"x"), "shape"),
            "wrong type": (payload_of('{"0":5}', b""), "TypeError"),
        }.items()
    },
}  # fmt: skip


@pytest.mark.parametrize(("make", "kind", "text"), REFUSED.values(), ids=REFUSED)
def test_altered_file_is_refused(
    make: Callable[[], bytes], kind: type[CheckpointError], text: str, tmp_path: Path
) -> None:
    """A file that is not as it was written is one clear error, from disk as from memory."""
    path = tmp_path / "a.zip"
    path.write_bytes(make())
    for source in (path, io.BytesIO(path.read_bytes())):
        with pytest.raises(kind, match=text):
            read(source)


def test_duplicate_entry_is_refused() -> None:
    """A second entry of the same name, which zip allows, is an error."""
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = with_zip(lambda archive: archive.writestr(ENTRIES[1], "{}"))
    assert outcome(data) == "DamagedCheckpoint"


def test_stock_zip_is_foreign(tmp_path: Path) -> None:
    """A zip of Stable-Baselines3 is refused with the function that reads it."""
    path = tmp_path / "stock.zip"
    PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, device="cpu").save(path)
    with pytest.raises(ForeignCheckpoint, match=r"from_sb3_zip\(path, trust_pickle=True\)"):
        read(path)


def test_another_zip_is_foreign() -> None:
    """A zip of something else is named by its entries."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("photo.jpg", "")
    with pytest.raises(ForeignCheckpoint, match=r"a zip of \['photo.jpg'\]"):
        read(file)


HOSTILE = """
import io, pathlib, sys
from resumeproof.algo.checkpoint import CheckpointError, read
files = [path.read_bytes() for path in sorted(pathlib.Path(sys.argv[1]).iterdir())]
def attempt(data):
    try:
        read(io.BytesIO(data))
    except CheckpointError:
        return
    raise SystemExit("accepted")
import zipfile; attempt(files[0])  # what the library imports once is not the file's doing
events = []
watched = ("exec", "import", "compile", "subprocess", "os.", "pickle", "socket", "ctypes", "open")
sys.addaudithook(lambda event, _: events.append(event) if event.startswith(watched) else None)
for data in files:
    attempt(data)
found, events = events, []
if found:
    raise SystemExit(f"reading caused {found}")
sys.stdout.write(f"{len(files)} refused")
"""

PICKLE = b"cos\nsystem\n(S'true'\ntR."


def hostile_files() -> list[bytes]:
    """Return files with a pickle, or code by name, in every slot that could hold one."""
    manifest, state, payload = taken_apart()
    slots: list[Any] = [
        {"$pickle": PICKLE.hex()}, {"$name": "os.system"}, {"$name": "resumeproof.algo.checkpoint"},
        {":serialized:": PICKLE.hex(), "$type": "x"}, {"$array": PICKLE.hex()},
        {"$array": {"block": "0", "dtype": "|O", "shape": [1]}}, {"$dtype": "O"},
        {"$generator": {"bit_generator": {"$name": "os.system"}}},
        {"$bits": {"kind": "os.system", "seed_seq": None, "state": {}}},
        {"$space": {"kind": "__import__('os').system('true')"}},
        {"$device": "__import__('os')"}, {"$torch_dtype": "os.system"},
        {"$scalar": ["O", "00" * 8]}, {"$seed_sequence": PICKLE.hex()},
    ]  # fmt: skip
    files = [assemble([manifest, json.dumps(slot).encode(), payload]) for slot in slots]
    files += [PICKLE, assemble([PICKLE, state, payload]), assemble([manifest, PICKLE, payload])]
    return [*files, assemble([manifest, state, PICKLE]), rezipped(["data", "policy.pth", "x"])]


def test_reading_runs_no_code(tmp_path: Path) -> None:
    """No hostile file makes reading import, compile, execute, open or start anything."""
    files = hostile_files()
    for number, data in enumerate(files):
        (tmp_path / f"{number:03}").write_bytes(data)
    command = [sys.executable, "-c", HOSTILE, str(tmp_path)]
    root = Path(__file__).parents[3]
    result = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    assert (result.stdout, result.returncode) == (f"{len(files)} refused", 0), result.stderr
