"""Readers: each lists the images of one kind of source and reads them one by one."""
