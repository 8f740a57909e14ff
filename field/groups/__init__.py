"""The rows, one module a family of libraries."""

GROUPS = (
    "torch_optimizers",
    "torch_schedulers",
    "torch_parts",
    "optimizers",
    "pytorch_optimizers",
    "metrics",
    "data",
    "training",
    "reinforcement",
    "sb3_algorithms",
    "sb3_environments",
)
"""In the order in which they are run and shown."""
