"""From image files to what networks see: the same way in training and in prediction."""

from nucleizoo.reading._layout import as_labels, channels_first
from nucleizoo.reading._library import Library, random_crop
from nucleizoo.reading._reader import Reader
from nucleizoo.reading._scan import LabelFile, Scan, Stack

__all__ = ["LabelFile", "Library", "Reader", "Scan", "Stack", "as_labels", "channels_first", "random_crop"]
