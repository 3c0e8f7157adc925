"""Exports of DICOM files: which files are a FLAIR volume, and of whom, without saying who.

Names, dates and UIDs of patients stay in the headers in memory. Nothing here writes them, or says
them in a message, except to the key file that a user asks for. Paths in an export often hold them
too, so a file is known by its place among the sorted paths.
"""

#: What a message says of a package that is not there.
NOT_INSTALLED = (
    "is not installed",
    "the extra dicom",
    'install it with: pip install "synaxial[dicom]"',
)
