"""The GANs, one family per file. `registry` lists them without torch, `loading` builds them."""
