"""Real code under test: other people's libraries, as their users write them; `make field`."""
