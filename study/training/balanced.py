"""What an epoch records beside the plain errors: balanced ones, macro F1, and how many images each is worth."""

from torch import Tensor

from fitscape.study.data import TrialData
from fitscape.study.measures.errors import balanced, macro_f1, plain
from fitscape.study.training.evaluation import ImageResults


def balanced_fields(
    train: ImageResults, probe_labels: Tensor, validation: ImageResults, data: TrialData
) -> dict[str, float | None]:
    """Fields of an EpochRecord. ``probe_labels`` [P]: those that the probe was evaluated against, on the CPU."""
    groups = None if data.val_groups is None else data.val_groups.numpy()
    labels, wrong, half = data.val_labels.numpy(), validation.wrong.numpy(), data.val_half.numpy()
    on_train = balanced(train.wrong.numpy(), probe_labels.numpy())
    on_validation = balanced(wrong, labels, groups)
    return {
        "train_balanced_error": on_train.error,
        "train_balanced_n": on_train.effective_n,
        "val_balanced_error": on_validation.error,
        "val_balanced_n": on_validation.effective_n,
        "val_balanced_error_a": balanced(wrong[half], labels[half]).error,
        "val_balanced_error_b": balanced(wrong[~half], labels[~half]).error,
        "val_macro_f1": macro_f1(labels, validation.predictions.numpy()),
        "val_effective_n": None if groups is None else plain(wrong, groups).effective_n,
    }
