"""Decoding of untrusted image files and DICOM to arrays, in a separate process."""
