"""Untrusted bytes to arrays: picture files, DICOM, and the processes that decode them."""
