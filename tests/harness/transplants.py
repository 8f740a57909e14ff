"""A transplant of all that differs, as the search for causes does it."""

from resumeproof.state.compare import compare
from resumeproof.transplant.patch import Transplant, Unreachable
from resumeproof.transplant.sites import graph_of, sites


class Thing:
    """Attributes, as given."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


def put_back(donor, target):
    """Puts back what can be; returns what still differs, and why the rest could not be reached."""
    refused = {}
    for _ in range(3):  # what was put back may uncover more
        graphs = [graph_of({"it": thing}) for thing in (donor, target)]
        diff = compare(graphs[0].snapshot, graphs[1].snapshot)
        transplant = Transplant(*graphs)
        for site in sites(diff.mismatches, *graphs):
            try:
                transplant.put(site)
            except Unreachable as reason:
                refused[str(site.keypath)] = str(reason)
    left = [graph_of({"it": thing}).snapshot for thing in (donor, target)]
    return compare(*left).mismatches, refused
