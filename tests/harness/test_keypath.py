"""KeyPath: rendering, value semantics, prefixes and patterns."""

import pickle

import pytest
from resumeproof.core.keypath import PARAMETER, KeyPath, last_texts, may_end

RENDERED = [
    ((), "<root>"),
    (("",), "<root>"),
    (("policy", "log_std"), "policy.log_std"),
    (("", "policy", "", "log_std"), "policy.log_std"),
    (("env", "envs", 0, "env", "state"), "env.envs[0].env.state"),
    (("stats", ("loss",)), "stats['loss']"),
    (("stats", ("a.b",), "x"), "stats['a.b'].x"),
    (("table", (7,)), "table[7]"),
    (("table", ("bool", "True")), "table[True]"),
    ((0, "x"), "[0].x"),
    (
        ("policy", "optimizer", "state", (PARAMETER, "'pi.0.weight'"), ("exp_avg",)),
        "policy.optimizer.state['pi.0.weight'].exp_avg",
    ),
    (("state", (PARAMETER, "'w'"), ("not an attribute",)), "state['w']['not an attribute']"),
]

COVERED = [
    ("policy", "policy", True),
    ("policy", "policy.log_std", True),
    ("policy", "policy['x']", True),
    ("policy", "policy_class", False),
    ("log_std", "policy.log_std", False),
    ("policy.*", "policy.log_std", True),
    ("policy.*.weight", "policy.a.weight", True),
    ("policy.*.weight", "policy.a.b.weight", False),
    ("policy.**.weight", "policy.a.b.weight", True),
    ("**.t_start", "env.envs[0].t_start", True),
    ("env.envs[*].t_start", "env.envs[12].t_start", True),
    ("env.envs[0].t_start", "env.envs[0].t_start", True),
    ("env.envs[0].t_start", "env.envs0.t_start", False),
    ("infos[*]['t']", "infos[3]['t']", True),
    ("state[*].exp_avg", "state['pi.0.weight'].exp_avg", True),
    ("state[*].exp_avg", "state['a]b'].exp_avg", True),
    ("a.b", "axb", False),
    ("step_*", "step_count", True),
]


@pytest.mark.parametrize(("segments", "text"), RENDERED)
def test_keypath_is_rendered_as_python_would_reach_it(segments, text):
    """A KeyPath reads like the expression that reaches the value."""
    assert str(KeyPath(*segments)) == text


@pytest.mark.parametrize(("pattern", "path", "covered"), COVERED)
def test_pattern_covers_the_path_and_what_lies_below(pattern, path, covered):
    """A pattern covers whole segments, and everything under them."""
    segments = KeyPath(path)  # one segment with the rendered text: only text is matched
    assert segments.matches(pattern) is covered


@pytest.mark.parametrize(
    ("segments", "pattern"),
    [
        (("model", "_logger"), "model._logger"),
        (("clock", ("t",)), "**['t']"),
        (("state", ("parameter", "'pi.weight'"), ("exp_avg",)), "state[*].exp_avg"),
        (("model", "a.b"), "model.a.b"),
        (("rows", 3), "rows[*]"),
        (("rows", 3), "rows[3]"),
        (("model", "step_count"), "model.step_*"),
        (("table", ("a.b",)), "table['a.b']"),
        (("table", ("a]b",)), "table['a]b']"),
        (("table", ("type", "<x>")), "table[<x>]"),
        (("deep", "below"), "**"),
    ],
)
def test_quick_look_at_the_last_segment_lets_nothing_covered_pass(segments, pattern):
    """Whatever a pattern covers, its last segment alone does not rule out."""
    assert KeyPath(*segments).matches(pattern)
    assert may_end(last_texts(pattern), segments[-1], segments[-2])


def test_quick_look_at_the_last_segment_rules_most_out():
    """Or it would be of no use."""
    ends = last_texts("model._logger", "**['t']", "**.t_start")
    assert not any(may_end(ends, segment, "") for segment in ("policy", 3, ("r",), ("type", "t")))
    assert last_texts("model._logger", "rows[*]") is None


def test_keypath_is_equal_and_hashed_by_value():
    """Two paths of the same segments are one key of a dict."""
    assert {KeyPath("a", 0): 1}[KeyPath("a").child(0)] == 1
    assert KeyPath("a", 0) != KeyPath("a", (0,))
    assert pickle.loads(pickle.dumps(KeyPath("a", ("b",)))) == KeyPath("a", ("b",))


def test_keypath_cannot_be_changed():
    """Setting an attribute of a KeyPath is refused with its name and value."""
    with pytest.raises(AttributeError, match=r"immutable: cannot set segments=\(\)"):
        KeyPath("a").segments = ()


def test_keypath_knows_its_parent_and_prefix():
    """A path starts with itself, its parent and the root, and with nothing else."""
    path = KeyPath("a", "b", 0)
    assert path.parent == KeyPath("a", "b")
    assert KeyPath().parent == KeyPath()
    assert path.startswith(KeyPath())
    assert path.startswith(path)
    assert path.startswith(KeyPath("a"))
    assert not path.startswith(KeyPath("b"))


def test_keypaths_sort_as_their_text():
    """Sorting follows what a reader sees."""
    assert sorted([KeyPath("b"), KeyPath("a", 1)]) == [KeyPath("a", 1), KeyPath("b")]
