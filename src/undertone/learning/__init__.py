"""From labelled conversations to small models that run without scikit-learn."""

from undertone.learning.classifier import LinearText
from undertone.learning.dataset import Opening, read_openings
from undertone.learning.sequence import SequenceModel, Step

__all__ = ["LinearText", "Opening", "SequenceModel", "Step", "read_openings"]
