"""Readers of what torch wraps around a model: compiled, scripted, distributed, or a loader's way.

One object comes in, its facts, children and bytes go out; caches and handles are no state.
Imported on demand, once the program has the part of torch that each is about.
"""
