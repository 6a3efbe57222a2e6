"""Serves Tinker's training API from PyTorch, transformers and peft. `python -m ealign_worker` starts it."""

__version__ = "0.1.0"
