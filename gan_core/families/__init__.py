"""The GANs: one file, one family. `registry` lists them without torch, `loading` builds them."""
