"""`resumeproof diff`: whatever cannot be read is refused, and nothing doubtful is called equal."""

import io
import json
import pickle
import resource
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest
import torch
from resumeproof import cli
from resumeproof.files.decoding import MOST_UNPACKED
from resumeproof.files.entries import MOST_MEMORY, compare_files
from safetensors.torch import save_file


def archive(path, entries, **options):
    """A zip with these entries, which may have one name."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", **options) as made:
        warnings.simplefilter("ignore", UserWarning)  # of a name that is there already
        for name, content in entries:
            made.writestr(name, content)
    return path


def saved(write):
    """The bytes that something writes into a stream."""
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def diff(capsys, *paths):
    """Exit status, output and message of a comparison."""
    status = cli.main(["diff", *map(str, paths)])
    told = capsys.readouterr()
    return status, told.out, told.err


WHOLE = {
    "a.json": b'{"a": [1, 2]}',
    "a.pt": saved(lambda s: torch.save({"w": torch.zeros(9)}, s)),
    "legacy.pt": saved(
        lambda s: torch.save({"w": torch.zeros(9)}, s, _use_new_zipfile_serialization=False)
    ),
    "a.npy": saved(lambda s: np.save(s, np.zeros(9))),
    "a.npz": saved(lambda s: np.savez(s, a=np.zeros(9))),
    "a.pkl": pickle.dumps({"a": [1, 2]}),
    "a.zip": saved(lambda s: archive(s, [("data", "hello")])),
}


@pytest.mark.parametrize("name", WHOLE)
def test_bare_file_that_is_cut_is_refused(capsys, tmp_path, name):
    """Of every format: status 2, the file, its size and what to do; whole it equals itself."""
    whole, cut = tmp_path / name, tmp_path / f"cut.{name}"
    whole.write_bytes(WHOLE[name])
    cut.write_bytes(WHOLE[name][: -len(WHOLE[name]) // 3])
    assert diff(capsys, whole, whole)[0] == 0
    for pair in ((whole, cut), (cut, whole), (cut, cut)):
        status, out, err = diff(capsys, *pair)
        assert (status, out) == (2, "")
        assert f"expected a whole checkpoint file, got {str(cut)!r} of " in err
        assert err.endswith("truncated or damaged, take another copy or save it again\n")


def test_cut_safetensors_are_refused(capsys, tmp_path):
    """The library's own message is shown, and no traceback."""
    save_file({"w": torch.zeros(9)}, tmp_path / "a.safetensors")
    content = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "b.safetensors").write_bytes(content[:-9])
    status, _, err = diff(capsys, tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    assert status == 2
    assert "file not fully covered" in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000 + "]" * 100_000, "JSON that is nested too deeply; compare the two with a"),
        ('{"a": ' + "1" * 10_000 + "}", "JSON that Python does not read: Exceeds the limit"),
        ('{"a": 1, "a": 2}', "the key 'a' is there more than once; which of them is loaded"),
        ('{"x": [{"a": 1, "a": 1}]}', "the key 'a' is there more than once"),
    ],
    ids=["deep", "long", "double", "double within"],
)
@pytest.mark.parametrize("place", ["bare", "in a zip", "in a zip within"])
def test_json_that_says_nothing_certain_is_refused(capsys, tmp_path, text, message, place):
    """Nested without end, a number of 10,000 digits, one key twice; bare or in an archive."""
    path = tmp_path / "a"
    path.write_text(text)
    if place != "bare":
        content = text
        if place == "in a zip within":
            content = saved(lambda stream: archive(stream, [("data", text)]))
        archive(path, [("data", content)])
    status, out, err = diff(capsys, path, path)
    assert (status, out) == (2, "")
    assert message in err


def test_entry_that_is_there_twice_is_refused(capsys, tmp_path):
    """Readers take the first or the last: the file equals neither, nor itself."""
    twice = archive(tmp_path / "twice.zip", [("a", "1"), ("a", "2")])
    once = archive(tmp_path / "once.zip", [("a", "2")])
    for pair in ((twice, once), (once, twice), (twice, twice)):
        status, out, err = diff(capsys, *pair)
        assert (status, out) == (2, "")
        assert "the entry 'a' is there more than once; which of them is loaded depends on" in err


def test_folder_is_refused(capsys, tmp_path):
    """With what to compare instead."""
    (tmp_path / "a.json").write_text("{}")
    status, _, err = diff(capsys, tmp_path / "a.json", tmp_path)
    assert status == 2
    assert "a folder: compare its files one by one" in err


def test_metadata_of_safetensors_is_content(capsys, tmp_path):
    """The same tensors with another note are not equal."""
    for name in ("a", "b"):
        save_file({"w": torch.zeros(2)}, tmp_path / f"{name}.safetensors", {"note": name})
    status, out, _ = diff(capsys, tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    assert status == 1
    assert "expected 'a', got 'b'" in out


def test_pickles_are_shown_by_what_their_operations_are_given(capsys, tmp_path):
    """A number of another length is another number; where they part, that is said; no code runs."""
    for name, value in (("a", [pytest.fail, 1]), ("b", [pytest.fail, 70_000]), ("c", {})):
        (tmp_path / f"{name}.pkl").write_bytes(pickle.dumps(value))
    status, out, _ = diff(capsys, tmp_path / "a.pkl", tmp_path / "b.pkl")
    assert status == 1
    assert "int  expected 1, got 70000" in out
    _, out, _ = diff(capsys, tmp_path / "a.pkl", tmp_path / "c.pkl")
    assert "pickle  expected EMPTY_LIST as operation 1 of " in out
    assert ", got EMPTY_DICT as operation 1 of 4\n" in out


def test_stock_sb3_zip_is_shown_down_to_its_serialized_members(capsys, tmp_path):
    """What SB3 puts into JSON as a pickle is named by what is in it, not by base64."""
    from stable_baselines3 import PPO

    model = PPO("MlpPolicy", "CartPole-v1", n_steps=16, batch_size=16, n_epochs=1, seed=0)
    model.learn(16)
    model.save(tmp_path / "a.zip")
    model.learn(16, reset_num_timesteps=False)
    model.save(tmp_path / "b.zip")
    status, out, _ = diff(capsys, tmp_path / "a.zip", tmp_path / "b.zip")
    assert status == 1
    assert "['data']['num_timesteps']  int  expected 16, got 32\n" in out
    assert "['data']['_last_obs'][':serialized:'][" in out
    assert "['policy.optimizer.pth']['state'][0]['exp_avg']  Tensor  expected " in out
    assert "gAWV" not in out


def test_small_file_that_unpacks_to_much_is_refused(capsys, tmp_path):
    """Before it is unpacked, nested or not."""
    zeros = archive(tmp_path / "a.zip", [("a", bytes(1 << 27))], compression=zipfile.ZIP_DEFLATED)
    nested = archive(tmp_path / "b.zip", [("a.zip", zeros.read_bytes())])
    for path in (zeros, nested):
        status, _, err = diff(capsys, path, path)
        assert status == 2
        assert f"it unpacks to {1 << 27}" in err or "it unpacks to 134" in err
        assert f"{MOST_UNPACKED} times the file at most is compared; unpack both" in err


def test_long_lists_are_counted_and_shown_up_to_a_thousand(capsys, tmp_path):
    """In the order of the file; how many more there are is said."""
    for name, value in (("a", 0), ("b", 1)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"x": [value] * 1500}))
    status, out, _ = diff(capsys, tmp_path / "a.json", tmp_path / "b.json")
    assert status == 1
    assert out.startswith("x: 1500 differ\n  VALUE      ['x'][0]  int  expected 0, got 1\n")
    assert out.endswith("['x'][999]  int  expected 0, got 1\n  (500 more)\n")


def test_two_large_containers_with_other_members_are_summed_up(tmp_path):
    """Their sizes are said; small ones are compared member by member."""
    (tmp_path / "a.json").write_text(json.dumps([[0] * 20_000]))
    (tmp_path / "b.json").write_text(json.dumps([[0] * 20_001]))
    (found,) = compare_files(tmp_path / "a.json", tmp_path / "b.json").values()
    assert [str(mismatch) for mismatch in found.mismatches] == [
        "VALUE      ['a.json'][0]  list  expected list of 20000 members, got list of 20001 members"
    ]


COUNT = 400_000
LARGE = {
    "numbers.json": lambda n: b"[" + b",".join([b"%d" % n] * COUNT) + b"]",
    "keys.json": lambda n: b"{" + b",".join(b'"%x":%d' % (i, n) for i in range(COUNT)) + b"}",
    "empty.json": lambda n: b"[" + b",".join([(b"{}", b"[]")[n]] * COUNT) + b"]",
    "none.pkl": lambda n: b"\x80\x04" + (b"N", b"]")[n] * COUNT * 4 + b".",
    "bytes.pt": lambda n: saved(lambda s: torch.save(torch.full((COUNT * 10,), n).byte(), s)),
    "many.pt": lambda n: saved(lambda s: torch.save([torch.full((1,), n) for _ in range(2000)], s)),
}
CHILD = """
import resource, sys
from pathlib import Path
from resumeproof.files.entries import compare_files
small, first, second, most = *map(Path, sys.argv[1:4]), int(sys.argv[4])
compare_files(small, small)
before = next(line for line in open("/proc/self/status") if line.startswith("VmData"))
limit = int(before.split()[1]) * 1024 + most
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
assert any(compare_files(first, second).values())
"""


def run_with_memory(folder, name, most):
    """What a comparison ends with that gets no more memory than this, imports aside."""
    for number in (0, 1):
        (folder / f"{number}.{name}").write_bytes(LARGE[name](number))
    (folder / f"small.{name}").write_bytes(WHOLE.get(f"a.{name.rpartition('.')[2]}"))
    paths = [folder / f"small.{name}", folder / f"0.{name}", folder / f"1.{name}"]
    size = sum(path.stat().st_size for path in paths[1:])
    words = [sys.executable, "-c", CHILD, *map(str, paths), str(most * size)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_DATA"), reason="needs a limit of memory")
@pytest.mark.parametrize("name", LARGE)
def test_memory_is_bounded_by_the_files(tmp_path, name):
    """A comparison of large files ends within its factor of their size, in a process so limited."""
    done = run_with_memory(tmp_path, name, MOST_MEMORY)
    assert done.returncode == 0, done.stderr


def test_limit_of_memory_is_one(tmp_path):
    """With as much as the files themselves take, the same comparison is refused, not killed."""
    done = run_with_memory(tmp_path, "numbers.json", 1)
    assert done.returncode == 1
    assert "expected files that fit into memory" in done.stderr
