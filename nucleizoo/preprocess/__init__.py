"""From image files to what networks see: the same way in training and in prediction."""

from nucleizoo.preprocess.intensity_range import Found, Known, Limits, Pass, is_blank, limits_of, passes
from nucleizoo.preprocess.label_files import LabelFiles
from nucleizoo.preprocess.layout import as_labels, channels_first, check_same_shape
from nucleizoo.preprocess.lazy_picture import LazyPicture
from nucleizoo.preprocess.library import Library
from nucleizoo.preprocess.opened import Labels, open_pictures
from nucleizoo.preprocess.reader import Reader, magnified
from nucleizoo.preprocess.scan import LabelFile, Picture, Scan, Stack, random_crop
from nucleizoo.preprocess.values import Values

__all__ = [
    "Found", "Known", "LabelFile", "LabelFiles", "Labels", "LazyPicture", "Library", "Limits", "Pass",
    "Picture", "Reader", "Scan", "Stack", "Values", "as_labels", "channels_first", "check_same_shape",
    "is_blank", "limits_of", "magnified", "open_pictures", "passes", "random_crop",
]  # fmt: skip
