"""The words of the tables: how a row makes an object, and how it changes one fact of it."""

import warnings


def attribute(name="extra", value=1):
    """The change that sets an attribute."""
    return lambda live: setattr(live, name, value)


EXTRA = attribute()


def doing(act):
    """The change by a call, whose result is not what the object became."""

    def change(live):
        act(live)

    return change


def other(make):
    """The change into another object altogether."""
    return lambda live: make()


def item(key, value):
    """The change of one item."""
    return lambda live: live.__setitem__(key, value)


def sub(base, *args, **options):
    """Makes instances of a subclass, which can have attributes."""
    cls = type("Sub", (base,), {"__module__": __name__})
    return lambda: cls(*args, **options)


def quietly(act):
    """The same act without the warnings of a feature that is new or deprecated."""

    def quiet(*args):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return act(*args)

    return quiet


def hook(*args, **options):
    """Does nothing, and can carry attributes, unlike a builtin."""


def hooked(name, *args):
    """The change that registers a hook."""
    return doing(lambda live: getattr(live, f"register_{name}")(*args, hook))


def after(*acts):
    """Makes of an object itself, after some acts."""

    def then(live):
        for act in acts:
            act(live)
        return live

    return then
