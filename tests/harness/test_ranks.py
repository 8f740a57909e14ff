"""A run over two ranks: each is told what it has lost itself, and what another one has lost."""

import json
import os
import pathlib
import subprocess
import sys
import textwrap

import pytest
from resumeproof.causes import ranks

SCRIPT = textwrap.dedent(
    """
    import json, pathlib, sys
    import torch
    import torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel
    from resumeproof import Scenario, loop
    from resumeproof.verdicts.report import failure
    from resumeproof.verdicts.runner import run

    dist.init_process_group("gloo")
    rank, right, place = dist.get_rank(), sys.argv[1] == "right", pathlib.Path(sys.argv[2])


    class Run:
        def __init__(self, seed=0):
            torch.manual_seed(seed)
            self.net = DistributedDataParallel(torch.nn.Linear(4, 1))
            self.opt = torch.optim.SGD(self.net.parameters(), lr=0.1)
            self.stream = torch.Generator().manual_seed(seed + 100 * rank)

        def step(self):
            loss = self.net(torch.randn(8, 4, generator=self.stream)).square().mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()

        def save(self):
            streams = [None, None]
            dist.all_gather_object(streams, self.stream.get_state())
            stream = streams[rank if right else 0]
            return {"net": self.net.module.state_dict(), "stream": stream}

        def load(self, state):
            self.net.module.load_state_dict(state["net"])
            self.stream.set_state(state["stream"])


    def seen(live):
        return {"net": live.net.module, "opt": live.opt, "stream": live.stream}


    subject = loop(make=Run, step=Run.step, save=Run.save, load=Run.load, observe=seen)
    record = run(subject, Scenario(length=8, save_at=5), ("roundtrip", "resume"))
    found = record.attribution
    causes = [str(mismatch.keypath) for mismatch in found.causes]
    text = failure(record) if record.findings else ""
    plain = [record.verdict.value, causes, found.elsewhere, text]
    (place / f"{rank}.json").write_text(json.dumps(plain))
    """
)


def on_two_ranks(how, folder):
    """What each of two ranks says: verdict, causes, what was lost elsewhere, and the report."""
    script = folder / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    made = subprocess.run(
        [*command, str(script), how, str(folder)], env=environment, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return [json.loads((pathlib.Path(folder) / f"{rank}.json").read_text()) for rank in (0, 1)]


def test_a_rank_is_not_blamed_for_what_another_has_lost(tmp_path):
    """The stream of rank 0 for both: rank 1 has lost its own, and rank 0 differs because of it."""
    first, second = on_two_ranks("wrong", tmp_path)
    assert first[:3] == ["DIFFERS", [], "rank 1: stream"]
    assert second[:3] == ["DIFFERS", ["stream"], ""]
    assert "explained by what another rank has lost (rank 1: stream)" in first[3]
    assert "next: save and restore it on the rank that has lost it" in first[3]
    assert "next: save and restore stream" in second[3]


def test_ranks_that_resume_right_are_exact(tmp_path):
    """Each with a stream of its own."""
    assert [told[0] for told in on_two_ranks("right", tmp_path)] == ["EXACT", "EXACT"]


@pytest.mark.parametrize("value", [True, ["a"], None])
def test_one_process_alone_asks_nobody(value):
    """Where no group was made, what is given is all there is."""
    assert (ranks.count(), ranks.own()) == (1, 0)
    assert (ranks.of_all(value), ranks.of_one(0, value)) == ([value], value)
