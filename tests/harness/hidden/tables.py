"""Every module of rows, by its name; whoever asks about all kinds of state goes through it."""

from tests.harness.hidden import (
    arrays,
    code,
    identities,
    memory,
    modules,
    rl,
    running,
    tensors,
    values,
    wrapped,
)

TABLES = {
    "code": code,
    "values": values,
    "running": running,
    "memory": memory,
    "arrays": arrays,
    "tensors": tensors,
    "modules": modules,
    "rl": rl,
    "identities": identities,
    "wrapped": wrapped,
}
