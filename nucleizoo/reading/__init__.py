"""From image files to what networks see: the same way in training and in prediction."""

from nucleizoo.reading._channels import Channels
from nucleizoo.reading._filed import FiledScan
from nucleizoo.reading._layout import as_labels, channels_first
from nucleizoo.reading._library import Library
from nucleizoo.reading._opened import Labels, open_pictures
from nucleizoo.reading._parts import Parts
from nucleizoo.reading._picture import Picture, random_crop
from nucleizoo.reading._range import Found, Known, Limits, Pass, limits_of, passes
from nucleizoo.reading._reader import Reader, magnified
from nucleizoo.reading._scan import LabelFile, Scan, Stack
from nucleizoo.reading._values import Values

__all__ = [
    "Channels", "FiledScan", "Found", "Known", "LabelFile", "Labels", "Library", "Limits", "Parts", "Pass",
    "Picture", "Reader", "Scan", "Stack", "Values", "as_labels", "channels_first", "limits_of", "magnified",
    "open_pictures", "passes", "random_crop",
]  # fmt: skip
